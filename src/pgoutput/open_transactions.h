#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/buffer.h"
#include "base/file.h"
#include "base/result.h"

namespace tailrace::pgoutput {

// The messages of streamed transactions that have not ended yet, in memory while there is room and
// else in files, one a transaction.
//
// When memory is full, the transaction that holds the most of it moves what it holds to the end of
// its file. A file is only open while it is written or read, so that thousands of open
// transactions need no file descriptors. Nothing is synced: after a crash the server sends open
// transactions again.
//
// A record, in memory and in the file, with little-endian numbers:
//
//   length of the message 4, subtransaction's xid 4, message without that xid
class OpenTransactions {
 public:
  // `spill` must outlive this. Call clear_leftovers() before the first use.
  OpenTransactions(Directory& spill, std::size_t memory_bytes_max)
      : spill_(spill), memory_bytes_max_(memory_bytes_max) {}
  // Their files go with it: the server sends open transactions again, and until then others may
  // need the room.
  ~OpenTransactions() { (void)remove_all(); }
  OpenTransactions(const OpenTransactions&) = delete;
  OpenTransactions& operator=(const OpenTransactions&) = delete;

  Result<void> clear_leftovers();

  bool knows(std::uint32_t xid) const { return open_.contains(xid); }
  void start(std::uint32_t xid) { open_[xid]; }

  // The transaction must be known, here and below. The message is `type` and then `rest`.
  Result<void> append(std::uint32_t xid, std::uint32_t subxid, char type, std::string_view rest);
  // Leaves the messages of this subtransaction out of the replay, but for those that `always`
  // be replayed.
  void abort_subtransaction(std::uint32_t xid, std::uint32_t subxid);

  using Take = std::function<Result<void>(std::string_view message)>;
  // Hands over the messages in the order in which they came. Relation and Type messages come
  // whatever subtransaction they were under: the server sends each once a transaction, with the
  // xid of the subtransaction that happened to need it first, and others rely on it.
  Result<void> replay(std::uint32_t xid, const Take& take);
  // Forgets the transaction and removes its file.
  Result<void> remove(std::uint32_t xid);
  Result<void> remove_all();

  std::size_t count() const { return open_.size(); }
  std::size_t memory_bytes() const { return memory_bytes_; }
  std::uint64_t spilled_bytes() const { return spilled_bytes_; }
  std::uint64_t spilled_transactions() const { return spilled_transactions_; }

 private:
  struct OpenTransaction {
    Buffer memory;                       // records behind those of the file
    std::uint64_t file_bytes = 0;        // 0: no file
    std::vector<std::uint32_t> aborted;  // subtransactions; sorted before a replay
  };

  Result<void> spill_largest();
  Result<void> spill(std::uint32_t xid, OpenTransaction& transaction);
  Result<void> replay_file(std::uint32_t xid, const OpenTransaction& transaction, const Take& take);

  Directory& spill_;
  const std::size_t memory_bytes_max_;
  std::unordered_map<std::uint32_t, OpenTransaction> open_;
  std::size_t memory_bytes_ = 0;
  std::uint64_t spilled_bytes_ = 0;
  std::uint64_t spilled_transactions_ = 0;
};

}  // namespace tailrace::pgoutput
