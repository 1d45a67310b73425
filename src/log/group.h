#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <vector>

#include "base/buffer.h"
#include "base/clock.h"
#include "log/format.h"
#include "log/stream_log.h"

namespace tailrace::log {

// A batch that has its offsets and waits for its group.
struct PendingBatch {
  Batch batch;
  StreamLog::Ticket ticket = 0;
  std::vector<StreamLog::Appended::First> firsts;  // one a piece, in order
  std::size_t bytes = 0;
};

// Batches joined into what one write makes durable. Their bytes stay where they are; the group
// refers to them.
class Group {
 public:
  // Without batches it is empty: a proof that what stands before it was synced.
  Group(std::vector<PendingBatch> batches, std::uint64_t number, StreamLog::Ticket last_ticket);

  std::uint64_t length() const { return header_.length; }
  const GroupHeader& header() const { return header_; }
  std::size_t pending_bytes() const;

  // Settles where the group stands and computes its checksums, which depend on that.
  void place(std::uint64_t incarnation, std::uint64_t position, std::uint64_t synced_end,
             UnixMicros now);
  // The bytes to write, once it has its place. They live as long as the group.
  const std::vector<::iovec>& pieces() const { return pieces_; }

 private:
  struct Part {
    ShardNumber shard;
    Offset first;
    const Batch::Piece* piece;
  };

  std::vector<PendingBatch> batches_;
  std::vector<Part> parts_;  // in the order of the file
  GroupHeader header_;
  Buffer header_bytes_;
  std::vector<::iovec> pieces_;
};

}  // namespace tailrace::log
