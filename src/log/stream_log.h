#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/result.h"
#include "log/batch.h"

namespace tailrace::log {

// A record as the log gives it back. The views live as long as the Records they came in.
struct Record {
  Offset offset = 0;
  std::int64_t arrival_ms = 0;  // since 1970, UTC
  std::string_view partition_key;
  std::string_view payload;
};

// A run of one shard's records, checked against their checksum, with the bytes under them.
struct Records {
  std::vector<Record> records;
  Offset next = 0;                                   // where to read on
  std::vector<std::shared_ptr<const Buffer>> bytes;  // keeps the views alive
};

enum class Sync {
  always,    // nothing is durable, readable or acknowledged before its fdatasync
  interval,  // fdatasync every sync_interval; acknowledged and readable after the write
  none,      // the operating system decides
};

// A stream's records in append order, kept in segment files (docs/log-format.md).
//
// One writer thread makes groups: everything appended, or flushed, while the last group was being
// written and synced becomes the next one; a crowd is given a moment more, since others come with
// it. Any thread may append and read.
class StreamLog {
 public:
  struct Options {
    std::string name;               // for messages
    std::uint64_t incarnation = 0;  // bound into every checksum: another stream's bytes are refused
    std::uint64_t segment_bytes_max = 128u << 20;
    std::uint64_t pending_bytes_max = 64u << 20;
    Sync sync = Sync::always;
    std::chrono::milliseconds sync_interval{100};
  };

  // Recovers: cuts off (into a *.torn file, never deleted) a group that is not whole at the end of
  // the last segment, as a crash in mid-write leaves. Damage elsewhere keeps its bytes, is listed
  // by damage(), and only reading that range fails.
  static Result<std::unique_ptr<StreamLog>> open(Directory& directory, Options options,
                                                 Clock& clock);
  // Writes and syncs what was appended, then stops the writer.
  virtual ~StreamLog() = default;

  // Which group holds a batch: counts batches, and batch n is durable once durable() >= n.
  using Ticket = std::uint64_t;
  struct Appended {
    Ticket ticket = 0;
    struct First {
      ShardNumber shard;
      Offset offset;  // of the batch's first record of this shard
      std::uint32_t count;
    };
    std::vector<First> firsts;
  };

  // Gives the batch's records their offsets and queues it: the whole batch is in one group, all of
  // it survives or none. Takes the batch's content only on success. While pending_bytes_max is
  // reached it waits up to `patience`, then Fault::unavailable and the batch stays the caller's. A
  // batch larger than pending_bytes_max is taken when the queue is empty. Fault::fenced after a
  // failed write or sync, Fault::full while the disk has no room (nothing was written: try again).
  // What was taken before the disk was full stays queued and is written when there is room. An
  // empty batch gets the ticket of the newest one.
  virtual Result<Appended> append(Batch& batch, std::chrono::milliseconds patience) = 0;
  // append() without patience, for many small batches: the writer need not hear of them before the
  // next flush(), so that those which come at about the same time share a group. A flush() must
  // follow.
  virtual Result<Appended> queue(Batch& batch) = 0;
  virtual void flush() = 0;
  // The newest ticket that append() or queue() has given.
  virtual Ticket appended() const = 0;

  // Everything up to this ticket survives a kill of the process, and with Sync::always a power cut,
  // and can be read.
  virtual Ticket durable() const = 0;
  // Everything up to this ticket survives a power cut as well, as far as the log ever promises
  // that: with Sync::interval it follows durable() by sync_interval or so, else it is the same.
  virtual Ticket synced() const = 0;
  // Fault::timeout when the time is over first, Fault::fenced when it will never be so.
  virtual Result<void> wait_durable(Ticket ticket, std::chrono::milliseconds patience) = 0;
  virtual Result<void> wait_synced(Ticket ticket, std::chrono::milliseconds patience) = 0;

  // `wake` is called on the log's thread whenever durable() or synced() has moved or the log was
  // fenced; it must not block nor call back into the log. After unsubscribe() returns it is not
  // running.
  virtual std::uint64_t subscribe(std::function<void()> wake) = 0;
  virtual void unsubscribe(std::uint64_t subscription) = 0;

  // Records of one shard from `from` on: at least one if there is one, else none (and next ==
  // from). Fault::not_found with the horizon in its text when `from` was retired, Fault::corrupt
  // when a block is damaged: the message has segment, range of offsets and file position.
  virtual Result<Records> read(ShardNumber shard, Offset from, std::size_t records_max,
                               std::size_t bytes_max) = 0;

  virtual Offset first_offset(ShardNumber shard) const = 0;  // the oldest record still kept
  virtual Offset end_offset(ShardNumber shard) const = 0;    // one past the newest durable record
  // The first record that arrived at or after the time; end_offset() if there is none.
  virtual Result<Offset> offset_at(ShardNumber shard, std::int64_t arrival_ms) = 0;
  // The smallest offset whose damage range ends there, to step over a damaged range knowingly.
  virtual std::optional<Offset> end_of_damage(ShardNumber shard, Offset from) const = 0;

  // Durable marks, the newest of each key.
  virtual std::optional<std::string> mark(std::string_view key) const = 0;
  virtual Marks marks() const = 0;

  // Takes whole sealed segments out, oldest first, while their newest record arrived before the
  // time or the log holds more than bytes_max (0: no limit), and deletes their files. Never the
  // newest segment: when all that it holds is so old, the next one is begun, and the next call
  // finds it sealed. The file of a segment that could not be read whole is not deleted but renamed
  // to <segment>.damaged. Returns how many.
  virtual Result<std::size_t> retire(std::int64_t arrived_before_ms, std::uint64_t bytes_max) = 0;

  struct Damage {
    std::string segment;
    std::uint64_t file_position = 0;
    std::uint64_t bytes = 0;
    std::string what;  // for people: which shards' offsets are unreadable, as far as known
  };
  virtual std::vector<Damage> damage() const = 0;
  // What open() did or found that a person should know: a torn group that was cut off and where
  // its bytes are, files in the folder that are not the log's.
  virtual std::vector<std::string> recovery_notes() const = 0;
  virtual std::optional<Error> fenced() const = 0;
  // Fences the log with this error and writes nothing more: what was appended and is not durable
  // is given up. For a log that is about to be deleted.
  virtual void abandon(const Error& why) = 0;

  struct Statistics {
    std::uint64_t bytes = 0, segments = 0, groups = 0, syncs = 0, records = 0, pending_bytes = 0;
    std::uint64_t write_micros = 0, sync_micros = 0;
  };
  virtual Statistics statistics() const = 0;
};

// An offline check of one log folder: reads every byte. Changes nothing.
struct Verification {
  std::uint64_t segments = 0, groups = 0, records = 0, bytes = 0;
  std::uint64_t torn_bytes = 0;  // at the very end: what a crash leaves, no damage
  std::vector<StreamLog::Damage> damage;
};
Result<Verification> verify(Directory& directory);

}  // namespace tailrace::log
