#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"
#include "record/change.h"
#include "record/lsn.h"

namespace tailrace::pgoutput {

// A Relation message: a table as the stream names it at this point.
struct RelationColumn {
  std::string name;
  std::uint32_t type_oid = 0;
  std::int32_t type_modifier = -1;
  bool in_identity = false;
  std::string
      user_type;  // "public.mood" or, for a domain, ".int4" (its base); empty for built-in types
  bool operator==(const RelationColumn&) const = default;
};
struct Relation {
  std::uint32_t oid = 0;
  std::string schema, name;
  char replica_identity = 'd';
  std::vector<RelationColumn> columns;
  bool operator==(const Relation&) const = default;
};

// Where whole transactions go, in commit order. Any Error ends feed() with it. Views are valid
// during the call only.
class TransactionSink {
 public:
  virtual ~TransactionSink() = default;

  // A relation as the next row uses it, called just before that row when the relation is new to the
  // sink or has changed; for the first row of a transaction that is before begin(). The answer must
  // have as many columns and stay valid until the next call for the same oid. Null: rows of this
  // relation are not wanted; they are not decoded, but they count for ordinals.
  virtual Result<const Table*> relation(const Relation& relation) = 0;

  // Called before the first wanted change. False: this transaction is in the log already; its rows
  // are skipped.
  virtual Result<bool> begin(const Transaction& transaction) = 0;
  // In order. A truncate comes once per table.
  virtual Result<void> change(const Transaction& transaction, const Change& change) = 0;
  // `end`: the end of the commit record, what may be acknowledged once this is durable. Also
  // called, with transaction null, for a transaction that was skipped or held nothing that was
  // wanted.
  virtual Result<void> commit(const Transaction* transaction, Lsn end) = 0;
};

// Turns pgoutput messages (protocol 1 to 4) into whole transactions.
//
// Streamed, still open transactions are kept aside, in memory up to memory_bytes_max over all of
// them and else in files of `spill` (one a transaction, removed when it ends; what an earlier run
// left there is removed at construction: the server sends open transactions again). Rows of aborted
// subtransactions are dropped. An update's unchanged TOAST values are filled from the old row when
// it is there; columns outside the key of a key-only old row are Value::State::absent.
// One thread. Fault::corrupt: the bytes break the protocol; Fault::full: no room to spill. After an
// Error only reset() may follow, with a new connection.
class Assembler {
 public:
  struct Options {
    std::size_t memory_bytes_max = 16u << 20;
  };
  static Result<std::unique_ptr<Assembler>> make(TransactionSink& sink, Directory& spill,
                                                 Options options);
  virtual ~Assembler() = default;

  // One pgoutput message, the payload of one XLogData.
  virtual Result<void> feed(std::string_view message) = 0;

  // Between two transactions, no matter how many streamed ones are open.
  virtual bool between_transactions() const = 0;
  // A new connection: relations, types and open transactions are forgotten, since the server
  // sends them again.
  virtual Result<void> reset() = 0;

  struct Statistics {
    std::uint64_t open_transactions = 0;     // now
    std::uint64_t spilled_bytes = 0;         // written to files since construction
    std::uint64_t spilled_transactions = 0;  // that needed a file since construction
    std::uint64_t memory_bytes = 0;          // now, of open transactions
  };
  virtual Statistics statistics() const = 0;
};

}  // namespace tailrace::pgoutput
