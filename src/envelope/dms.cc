// The message format of AWS DMS for Kinesis and Kafka targets (docs/messages.md):
//
//   {"data":{..},"before-image":{..},"metadata":{"timestamp":..,"record-type":..,"operation":..,
//    "partition-key-type":..,"partition-key-value":..,"schema-name":..,"table-name":..,
//    "transaction-id":..,"transaction-record-id":..,"commit-timestamp":..,"stream-position":..,
//    "unchanged-columns":[..],"key-change":..,"event-id":..}}

#include <array>

#include "base/check.h"
#include "envelope/digits.h"
#include "envelope/message_parts.h"

namespace tailrace::envelope {
namespace {

constexpr std::array operations = {Operation::load, Operation::insert, Operation::update,
                                   Operation::remove, Operation::truncate};

std::string_view dms_name(Operation operation) {
  switch (operation) {
    case Operation::load:
      return "load";
    case Operation::insert:
      return "insert";
    case Operation::update:
      return "update";
    case Operation::remove:
      return "delete";
    case Operation::truncate:
      return "truncate-table";
  }
  return "";
}

class DmsEnvelope final : public FormatEnvelope {
 public:
  DmsEnvelope(PartitionBy partition_by, const Source& source, const Table& table)
      : FormatEnvelope(Format::dms, partition_by, source, table),
        names_(R"(,"schema-name":)" + schema_ + R"(,"table-name":)" + table_) {
    for (Operation operation : operations) {
      bool control = operation == Operation::truncate;
      headings_[static_cast<std::size_t>(operation)] =
          heading(control ? "control" : "data", dms_name(operation), key_.is_by_row() && !control);
    }
    load_complete_heading_ = heading("control", "load-complete", false);
  }

  void append(Buffer& out, const Change& change, const Context& context) override {
    MessageRows rows = rows_of(change, context.half);
    bool has_row = rows.operation != Operation::truncate;
    std::size_t unchanged = 0;
    if (has_row) {
      out.append(R"({"data":)");
      unchanged = columns_.append(out, rows.data);
      if (!rows.before.empty()) {
        out.append(R"(,"before-image":)");
        columns_.append(out, rows.before);
      }
    } else {
      out.append(R"({"control":{})");
    }
    out.append(R"(,"metadata":{"timestamp":")");
    now_text_.append(out, context.now);
    out.append(headings_[static_cast<std::size_t>(rows.operation)]);
    if (has_row && key_.is_by_row()) append_partition_key_string(out, change, context.half);
    out.append(names_);
    if (change.operation == Operation::load)
      append_snapshot(out, context);
    else
      append_transaction(out, change, context);
    if (unchanged > 0) {
      out.append(R"(,"unchanged-columns":)");
      columns_.append_unchanged(out, rows.data);
    }
    if (context.half != Context::Half::whole)
      append_all(out, std::string_view(R"(,"key-change":")"), name_of(context.half),
                 std::string_view("\""));
    out.append(R"(,"event-id":")");
    append_event_id(out, change, context);
    out.append(R"("}})");
  }

  void append_load_complete(Buffer& out, std::uint64_t rows, const Context& context) override {
    out.append(R"({"control":{"rows":)");
    append_decimal(out, rows);
    append_snapshot(out, context);
    out.append(R"(},"metadata":{"timestamp":")");
    now_text_.append(out, context.now);
    append_all(out, load_complete_heading_, names_, std::string_view(R"(,"event-id":")"));
    append_load_complete_id(out, context);
    out.append(R"("}})");
  }

 private:
  // From the end of the timestamp to the partition key's value, or to the end of its type.
  static std::string heading(std::string_view record_type, std::string_view operation,
                             bool has_key) {
    return R"(","record-type":")" + std::string(record_type) + R"(","operation":")" +
           std::string(operation) + R"(","partition-key-type":")" +
           (has_key ? R"(primary-key","partition-key-value":)" : R"(schema-table")");
  }

  static void append_snapshot(Buffer& out, const Context& context) {
    out.append(R"(,"snapshot-lsn":")");
    append_lsn(out, context.snapshot);
    out.append('"');
  }

  void append_transaction(Buffer& out, const Change& change, const Context& context) {
    TAILRACE_CHECK(context.transaction != nullptr);
    const Transaction& transaction = *context.transaction;
    out.append(R"(,"transaction-id":)");
    append_decimal(out, std::uint64_t{transaction.xid});
    out.append(R"(,"transaction-record-id":)");
    append_decimal(out, change.ordinal);
    out.append(R"(,"commit-timestamp":")");
    commit_text_.append(out, transaction.commit_time);
    out.append(R"(","stream-position":")");
    append_wide_lsn(out, transaction.commit);
    out.append('.');
    append_decimal(out, change.ordinal);
    out.append('.');
    append_wide_lsn(out, transaction.commit);
    out.append('"');
  }

  const std::string names_;
  std::array<std::string, operations.size()> headings_;
  std::string load_complete_heading_;
};

}  // namespace

std::unique_ptr<TableEnvelope> make_dms(PartitionBy partition_by, const Source& source,
                                        const Table& table) {
  return std::make_unique<DmsEnvelope>(partition_by, source, table);
}

}  // namespace tailrace::envelope
