// The envelope of Debezium's PostgreSQL connector without its schema (docs/messages.md):
//
//   {"before":..,"after":..,"source":{..},"transaction":..,"op":"c|u|d|r|t|m","ts_ms":..,
//    "event-id":..,"unchanged":[..],"key-change":..}

#include <chrono>

#include "base/base64.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/json_text.h"
#include "envelope/digits.h"
#include "envelope/message_parts.h"

namespace tailrace::envelope {
namespace {

std::string_view debezium_name(Operation operation) {
  switch (operation) {
    case Operation::load:
      return "r";
    case Operation::insert:
      return "c";
    case Operation::update:
      return "u";
    case Operation::remove:
      return "d";
    case Operation::truncate:
      return "t";
  }
  return "";
}

void append_millis(Buffer& out, UnixMicros instant) { append_decimal(out, unix_ms(instant)); }

class DebeziumEnvelope final : public FormatEnvelope {
 public:
  DebeziumEnvelope(PartitionBy partition_by, const Source& source, const Table& table)
      : FormatEnvelope(Format::debezium, partition_by, source, table),
        task_(R"(,"source":{"version":")" TAILRACE_VERSION R"(","connector":"postgresql","name":)" +
              json_string(source.task) + R"(,"ts_ms":)"),
        database_(R"(,"db":)" + json_string(source.database) + R"(,"sequence":"[)"),
        names_(R"(]","schema":)" + schema_ + R"(,"table":)" + table_ + R"(,"txId":)") {}

  void append(Buffer& out, const Change& change, const Context& context) override {
    MessageRows rows = rows_of(change, context.half);
    bool removes = rows.operation == Operation::remove;
    Row before = removes ? rows.data : rows.before;
    Row after = removes ? Row() : rows.data;
    out.append(R"({"before":)");
    append_row(out, before);
    out.append(R"(,"after":)");
    std::size_t unchanged = append_row(out, after);
    if (change.operation == Operation::load) {
      append_load_source(out, context);
      out.append(R"(,"transaction":null)");
    } else {
      append_source(out, change, context);
      append_transaction(out, change, *context.transaction);
    }
    append_all(out, std::string_view(R"(,"op":")"), debezium_name(rows.operation),
               std::string_view(R"(","ts_ms":)"));
    append_millis(out, context.now);
    out.append(R"(,"event-id":")");
    append_event_id(out, change, context);
    out.append('"');
    if (unchanged > 0) {
      out.append(R"(,"unchanged":)");
      columns_.append_unchanged(out, after);
    }
    if (context.half != Context::Half::whole)
      append_all(out, std::string_view(R"(,"key-change":")"), name_of(context.half),
                 std::string_view("\""));
    out.append('}');
  }

  // In the form of a logical decoding message, which is Debezium's way to say something that is
  // not about a row.
  void append_load_complete(Buffer& out, std::uint64_t rows, const Context& context) override {
    Buffer content;
    content.append(R"({"rows":)");
    append_decimal(content, rows);
    content.append(R"(,"snapshot-lsn":")");
    append_lsn(content, context.snapshot);
    content.append(R"("})");

    out.append(R"({"op":"m","ts_ms":)");
    append_millis(out, context.now);
    append_load_source(out, context);
    out.append(
        R"(,"message":{"transactional":false,"prefix":"tailrace.load-complete","content":")");
    append_base64(out, content.view());
    out.append(R"("},"event-id":")");
    append_load_complete_id(out, context);
    out.append(R"("})");
  }

 private:
  std::size_t append_row(Buffer& out, Row row) const {
    if (!row.empty()) return columns_.append(out, row);
    out.append("null");
    return 0;
  }

  // The commit and the ordinal as `sequence`: a pair that rises with every change.
  void append_source(Buffer& out, const Change& change, const Context& context) {
    TAILRACE_CHECK(context.transaction != nullptr);
    std::uint64_t commit = context.transaction->commit.value;
    out.append(task_);
    append_millis(out, context.transaction->commit_time);
    append_all(out, std::string_view(R"(,"snapshot":"false")"), database_,
               std::string_view(R"(\")"));
    append_decimal(out, commit);
    out.append(R"(\",\")");
    append_decimal(out, change.ordinal);
    append_all(out, std::string_view(R"(\")"), names_);
    append_decimal(out, std::uint64_t{context.transaction->xid});
    append_lsn_and_end(out, commit);
  }

  void append_load_source(Buffer& out, const Context& context) {
    out.append(task_);
    append_millis(out, context.now);
    append_all(out, std::string_view(R"(,"snapshot":"true")"), database_,
               std::string_view(R"(null,\")"));
    append_decimal(out, context.snapshot.value);
    append_all(out, std::string_view(R"(\")"), names_, std::string_view("null"));
    append_lsn_and_end(out, context.snapshot.value);
  }

  static void append_lsn_and_end(Buffer& out, std::uint64_t lsn) {
    out.append(R"(,"lsn":)");
    append_decimal(out, lsn);
    out.append(R"(,"xmin":null})");
  }

  static void append_transaction(Buffer& out, const Change& change,
                                 const Transaction& transaction) {
    out.append(R"(,"transaction":{"id":")");
    append_decimal(out, std::uint64_t{transaction.xid});
    out.append(':');
    append_decimal(out, transaction.commit.value);
    out.append(R"(","total_order":)");
    append_decimal(out, change.ordinal);
    out.append('}');
  }

  const std::string task_, database_, names_;
};

}  // namespace

std::unique_ptr<TableEnvelope> make_debezium(PartitionBy partition_by, const Source& source,
                                             const Table& table) {
  return std::make_unique<DebeziumEnvelope>(partition_by, source, table);
}

}  // namespace tailrace::envelope
