// The flat format (docs/messages.md):
//
//   {"op":"I|U|D|T|C","schema-name":..,"table-name":..,"data":{..},"before-data":{..},
//    "commit-timestamp":..,"transaction-id":..,"transaction-record-id":..,"event-id":..,
//    "unchanged":[..],"key-change":..}

#include "base/check.h"
#include "envelope/digits.h"
#include "envelope/message_parts.h"

namespace tailrace::envelope {
namespace {

std::string_view flat_name(Operation operation) {
  switch (operation) {
    case Operation::load:
    case Operation::insert:
      return "I";
    case Operation::update:
      return "U";
    case Operation::remove:
      return "D";
    case Operation::truncate:
      return "T";
  }
  return "";
}

class FlatEnvelope final : public FormatEnvelope {
 public:
  FlatEnvelope(PartitionBy partition_by, const Source& source, const Table& table)
      : FormatEnvelope(Format::flat, partition_by, source, table),
        names_(R"(","schema-name":)" + schema_ + R"(,"table-name":)" + table_) {}

  void append(Buffer& out, const Change& change, const Context& context) override {
    MessageRows rows = rows_of(change, context.half);
    std::size_t unchanged = 0;
    append_all(out, std::string_view(R"({"op":")"), flat_name(rows.operation), names_);
    if (rows.operation != Operation::truncate) {
      out.append(R"(,"data":)");
      unchanged = columns_.append(out, rows.data);
    }
    if (!rows.before.empty()) {
      out.append(R"(,"before-data":)");
      columns_.append(out, rows.before);
    }
    if (change.operation == Operation::load)
      append_snapshot(out, context);
    else
      append_transaction(out, change, context);
    out.append(R"(,"event-id":")");
    append_event_id(out, change, context);
    out.append('"');
    if (unchanged > 0) {
      out.append(R"(,"unchanged":)");
      columns_.append_unchanged(out, rows.data);
    }
    if (context.half != Context::Half::whole)
      append_all(out, std::string_view(R"(,"key-change":")"), name_of(context.half),
                 std::string_view("\""));
    out.append('}');
  }

  void append_load_complete(Buffer& out, std::uint64_t rows, const Context& context) override {
    append_all(out, std::string_view(R"({"op":"C)"), names_, std::string_view(R"(,"rows":)"));
    append_decimal(out, rows);
    append_snapshot(out, context);
    out.append(R"(,"event-id":")");
    append_load_complete_id(out, context);
    out.append(R"("})");
  }

 private:
  static void append_snapshot(Buffer& out, const Context& context) {
    out.append(R"(,"snapshot":true,"snapshot-lsn":")");
    append_lsn(out, context.snapshot);
    out.append('"');
  }

  void append_transaction(Buffer& out, const Change& change, const Context& context) {
    TAILRACE_CHECK(context.transaction != nullptr);
    out.append(R"(,"commit-timestamp":")");
    commit_text_.append(out, context.transaction->commit_time);
    out.append(R"(","transaction-id":)");
    append_decimal(out, std::uint64_t{context.transaction->xid});
    out.append(R"(,"transaction-record-id":)");
    append_decimal(out, change.ordinal);
  }

  const std::string names_;  // from the end of the op's letter
};

}  // namespace

std::unique_ptr<TableEnvelope> make_flat(PartitionBy partition_by, const Source& source,
                                         const Table& table) {
  return std::make_unique<FlatEnvelope>(partition_by, source, table);
}

}  // namespace tailrace::envelope
