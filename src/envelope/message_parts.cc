#include "envelope/message_parts.h"

#include "base/json_text.h"
#include "envelope/event_id.h"

namespace tailrace::envelope {

MessageRows rows_of(const Change& change, Context::Half half) {
  if (half == Context::Half::old_key) return {Operation::remove, change.before, {}};
  if (half == Context::Half::new_key) return {Operation::insert, change.after, change.before};
  switch (change.operation) {
    case Operation::update:
      return {Operation::update, change.after, change.before};
    case Operation::remove:
      return {Operation::remove, change.before, {}};
    case Operation::load:
    case Operation::insert:
      return {change.operation, change.after, {}};
    case Operation::truncate:
      break;
  }
  return {Operation::truncate, {}, {}};
}

std::string_view name_of(Context::Half half) {
  switch (half) {
    case Context::Half::whole:
      return "";
    case Context::Half::old_key:
      return "old-key";
    case Context::Half::new_key:
      return "new-key";
  }
  return "";
}

FormatEnvelope::FormatEnvelope(Format format, PartitionBy partition_by, const Source& source,
                               const Table& table)
    : key_(partition_by, table),
      columns_(format, table),
      schema_(json_string(table.schema)),
      table_(json_string(table.name)),
      id_prefix_(event_id_prefix(source.generation)),
      oid_(table.oid) {}

void FormatEnvelope::append_event_id(Buffer& out, const Change& change,
                                     const Context& context) const {
  envelope::append_event_id(out, id_prefix_, oid_, change, context);
}

void FormatEnvelope::append_load_complete_id(Buffer& out, const Context& context) const {
  envelope::append_load_complete_id(out, id_prefix_, oid_, context.snapshot);
}

void FormatEnvelope::append_partition_key_string(Buffer& out, const Change& change,
                                                 Context::Half half) {
  scratch_.clear();
  key_.append(scratch_, change, half);
  append_json_string(out, scratch_.view());
}

}  // namespace tailrace::envelope
