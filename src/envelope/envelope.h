#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/result.h"
#include "record/change.h"
#include "record/position.h"

namespace tailrace::envelope {

enum class Format { dms, flat, debezium, cloudevents };
std::optional<Format> parse_format(std::string_view name);
std::string_view name_of(Format format);

enum class PartitionBy { primary_key, schema_table };

// What all messages of a task share.
struct Source {
  std::string task;  // the task's name
  std::string database;
  std::string server_version;
  Generation generation;
};

// Where one message stands.
struct Context {
  const Transaction* transaction = nullptr;  // null for loads and load-complete, else needed
  UnixMicros now;                            // when the message is made
  Lsn snapshot;                    // load: the snapshot's LSN, the same for a load's whole run
  std::uint64_t load_ordinal = 0;  // load: counts the table's rows in this run, from 1
  // A change of the key under PartitionBy::primary_key is two messages, a remove of the old key and
  // an insert of the new one, so that each key's shard tells its whole story.
  enum class Half { whole, old_key, new_key } half = Half::whole;
};

// Makes the messages of one table. Precomputes all that does not change from row to row; encoding
// allocates nothing. One thread.
class TableEnvelope {
 public:
  static std::unique_ptr<TableEnvelope> make(Format format, PartitionBy partition_by,
                                             const Source& source, const Table& table);
  virtual ~TableEnvelope() = default;

  // Appends one JSON text.
  virtual void append(Buffer& out, const Change& change, const Context& context) = 0;
  // Appends the partition key (never empty): the key columns' text of the row that names the
  // change, joined as docs/messages.md says, or "schema.table". At most 256 characters: a longer
  // key is replaced by its SHA-256 in hex. `half` chooses the old row. A change without rows (a
  // truncate; take one for the load-complete message too) has "schema.table".
  virtual void append_partition_key(Buffer& out, const Change& change,
                                    Context::Half half) const = 0;
  // Whether the change moves the row to another key (and PartitionBy is primary_key).
  virtual bool changes_key(const Change& change) const = 0;

  // The control message that ends a table's load: every row of it is in the stream before this.
  virtual void append_load_complete(Buffer& out, std::uint64_t rows, const Context& context) = 0;
};

// Stable over every redelivery and re-capture:
// "<system id>-<timeline>-<slot point>-<commit>-<ordinal>" (LSNs and system id in hexadecimal
// without slash; halves add "-old" and "-new"). Loads have "load-<snapshot>-<table oid>-<ordinal>"
// after the slot point, and so need change.table.
std::string event_id(const Source& source, const Change& change, const Context& context);

}  // namespace tailrace::envelope
