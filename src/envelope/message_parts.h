#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "envelope/envelope.h"
#include "envelope/instant_text.h"
#include "envelope/partition_key.h"
#include "envelope/row_object.h"

namespace tailrace::envelope {

// What a message says: of a half of a key change that is not the change itself.
struct MessageRows {
  Operation operation;
  Row data;    // the new row; of a remove the old one; of a truncate none
  Row before;  // the old row beside it; empty when there is none to show
};
MessageRows rows_of(const Change& change, Context::Half half);

// "old-key" and "new-key"; empty for a whole change.
std::string_view name_of(Context::Half half);

// What the four formats have in common: each is a class over this one.
class FormatEnvelope : public TableEnvelope {
 public:
  FormatEnvelope(Format format, PartitionBy partition_by, const Source& source, const Table& table);

  void append_partition_key(Buffer& out, const Change& change, Context::Half half) const final {
    key_.append(out, change, half);
  }
  bool changes_key(const Change& change) const final { return key_.changes(change); }

 protected:
  void append_event_id(Buffer& out, const Change& change, const Context& context) const;
  void append_load_complete_id(Buffer& out, const Context& context) const;
  // The partition key as a JSON string.
  void append_partition_key_string(Buffer& out, const Change& change, Context::Half half);

  const PartitionKey key_;
  const RowObject columns_;
  const std::string schema_;  // as JSON strings
  const std::string table_;
  InstantText now_text_, commit_text_;

 private:
  const std::string id_prefix_;
  const std::uint32_t oid_;
  Buffer scratch_;
};

// A change of no row: control messages go where the table's own key sends them.
inline constexpr Change no_row{.operation = Operation::truncate};

std::unique_ptr<TableEnvelope> make_dms(PartitionBy, const Source&, const Table&);
std::unique_ptr<TableEnvelope> make_flat(PartitionBy, const Source&, const Table&);
std::unique_ptr<TableEnvelope> make_debezium(PartitionBy, const Source&, const Table&);
std::unique_ptr<TableEnvelope> make_cloudevents(PartitionBy, const Source&, const Table&);

}  // namespace tailrace::envelope
