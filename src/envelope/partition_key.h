#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "envelope/envelope.h"
#include "record/change.h"

namespace tailrace::envelope {

// The key that sends a message to its shard: "schema.table.key" by row, or "schema.table".
//
// The key is the text of the key columns in the key's order, with a dot between two. Where there
// are several, a dot or backslash inside a value has a backslash before it, so that different keys
// stay different. A NULL is \N.
class PartitionKey {
 public:
  PartitionKey(PartitionBy partition_by, const Table& table);

  // Whether rows have keys of their own.
  bool is_by_row() const { return by_row_; }
  void append(Buffer& out, const Change& change, Context::Half half) const;
  // The row's key columns alone, never shortened, however the messages are partitioned. Nothing for
  // a table without a key or a change without a row.
  void append_row_key(Buffer& out, const Change& change, Context::Half half) const;
  bool changes(const Change& change) const;

 private:
  std::string table_key_;
  std::vector<std::size_t> columns_;
  bool by_row_;
};

}  // namespace tailrace::envelope
