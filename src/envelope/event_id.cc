#include "envelope/event_id.h"

#include "base/check.h"
#include "envelope/digits.h"

namespace tailrace::envelope {
namespace {

void append_load_prefix(Buffer& out, std::string_view prefix, std::uint32_t table_oid,
                        Lsn snapshot) {
  append_all(out, prefix, std::string_view("load-"));
  append_hex(out, snapshot.value);
  out.append('-');
  append_decimal(out, std::uint64_t{table_oid});
  out.append('-');
}

}  // namespace

std::string event_id_prefix(const Generation& generation) {
  Buffer out;
  append_hex(out, generation.system_id);
  out.append('-');
  append_decimal(out, std::uint64_t{generation.timeline});
  out.append('-');
  append_hex(out, generation.slot_point.value);
  out.append('-');
  return std::string(out.view());
}

void append_event_id(Buffer& out, std::string_view prefix, std::uint32_t table_oid,
                     const Change& change, const Context& context) {
  if (change.operation == Operation::load) {
    append_load_prefix(out, prefix, table_oid, context.snapshot);
    append_decimal(out, context.load_ordinal);
    return;
  }
  TAILRACE_CHECK(context.transaction != nullptr);
  out.append(prefix);
  append_hex(out, context.transaction->commit.value);
  out.append('-');
  append_decimal(out, change.ordinal);
  if (context.half == Context::Half::old_key) out.append("-old");
  if (context.half == Context::Half::new_key) out.append("-new");
}

void append_load_complete_id(Buffer& out, std::string_view prefix, std::uint32_t table_oid,
                             Lsn snapshot) {
  append_load_prefix(out, prefix, table_oid, snapshot);
  out.append("complete");
}

std::string event_id(const Source& source, const Change& change, const Context& context) {
  Buffer out;
  append_event_id(out, event_id_prefix(source.generation), change.table ? change.table->oid : 0,
                  change, context);
  return std::string(out.view());
}

}  // namespace tailrace::envelope
