// CloudEvents 1.0 in its structured JSON form, with the flat message as its data
// (docs/messages.md).

#include "base/check.h"
#include "base/json_text.h"
#include "base/percent_encoding.h"
#include "envelope/digits.h"
#include "envelope/message_parts.h"

namespace tailrace::envelope {
namespace {

std::string_view event_type(Operation operation) {
  switch (operation) {
    case Operation::load:
      return "io.tailrace.row.load";
    case Operation::insert:
      return "io.tailrace.row.insert";
    case Operation::update:
      return "io.tailrace.row.update";
    case Operation::remove:
      return "io.tailrace.row.delete";
    case Operation::truncate:
      return "io.tailrace.table.truncate";
  }
  return "";
}

class CloudEventsEnvelope final : public FormatEnvelope {
 public:
  CloudEventsEnvelope(PartitionBy partition_by, const Source& source, const Table& table)
      : FormatEnvelope(Format::cloudevents, partition_by, source, table),
        data_(make_flat(partition_by, source, table)),
        source_(R"(","source":"/tailrace/)" + percent_encoded(source.task) + "/" +
                percent_encoded(source.database) + R"(","type":")"),
        table_label_(table.schema + "." + table.name) {}

  void append(Buffer& out, const Change& change, const Context& context) override {
    Operation operation = rows_of(change, context.half).operation;
    out.append(R"({"specversion":"1.0","id":")");
    append_event_id(out, change, context);
    UnixMicros time = context.now;
    if (operation != Operation::load) {
      TAILRACE_CHECK(context.transaction != nullptr);
      time = context.transaction->commit_time;
    }
    append_attributes(out, event_type(operation), change, context.half, time);
    data_->append(out, change, context);
    out.append('}');
  }

  void append_load_complete(Buffer& out, std::uint64_t rows, const Context& context) override {
    out.append(R"({"specversion":"1.0","id":")");
    append_load_complete_id(out, context);
    append_attributes(out, "io.tailrace.table.load-complete", no_row, Context::Half::whole,
                      context.now);
    data_->append_load_complete(out, rows, context);
    out.append('}');
  }

 private:
  // All between the id and the data.
  void append_attributes(Buffer& out, std::string_view type, const Change& change,
                         Context::Half half, UnixMicros time) {
    append_all(out, source_, type, std::string_view(R"(","subject":)"));
    subject_.clear();
    subject_.append(table_label_);
    std::size_t label_end = subject_.size();
    subject_.append('/');
    key_.append_row_key(subject_, change, half);
    if (subject_.size() == label_end + 1) subject_.truncate(label_end);
    append_json_string(out, subject_.view());
    out.append(R"(,"time":")");
    commit_text_.append(out, time);
    out.append(R"(","datacontenttype":"application/json","partitionkey":)");
    append_partition_key_string(out, change, half);
    out.append(R"(,"data":)");
  }

  const std::unique_ptr<TableEnvelope> data_;
  const std::string source_, table_label_;
  Buffer subject_;
};

}  // namespace

std::unique_ptr<TableEnvelope> make_cloudevents(PartitionBy partition_by, const Source& source,
                                                const Table& table) {
  return std::make_unique<CloudEventsEnvelope>(partition_by, source, table);
}

}  // namespace tailrace::envelope
