#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "log/stream_log.h"
#include "record/hash_key.h"
#include "record/sequence_number.h"
#include "stream/batch.h"
#include "stream/stream_spec.h"
#include "stream/waiters.h"

namespace tailrace::stream {

// Runs the call at once, on the thread that has it to give: the log's own among them. For tests and
// for callbacks that only hand on.
void run_inline(std::function<void()> call);

// A record's, or a place's, number as the outside sees it (record/sequence_number.h).
std::string sequence_number(const Shard& shard, Offset offset, std::int64_t arrival_ms);
// Smaller than any record's number in the shard.
std::string starting_sequence_number(const Shard& shard);
// Of a closed shard: larger than any record's number in it.
std::string ending_sequence_number(const Shard& shard);

// A stream of records over its shards. Any thread may call.
//
// Shards change by adopt() only, after the catalogue has the new spec: a crash leaves either the
// old shards or the new ones. Every append checks its routes and enters the log under one shared
// lock, and adopt() changes the routes under the exclusive one, so nothing reaches a shard once it
// is closed: the end of a closed shard is where the log ends for it.
//
// When the stream is deleted, every call here returns Fault::not_found and all who wait are called.
class Stream final : private Waiters::Source {
 public:
  Stream(StreamSpec spec, std::unique_ptr<log::StreamLog> log, Clock& clock,
         Executor executor = run_inline);
  // Who still waits is forgotten.
  ~Stream() override;
  Stream(const Stream&) = delete;

  // As of now. Keep it in a variable while looking into it:
  //   auto spec = stream.spec();
  //   for (const Shard& shard : spec->shards)
  std::shared_ptr<const StreamSpec> spec() const;
  // The shards that are listed: those that have not expired, in order of number.
  std::vector<Shard> shards() const;
  // Nothing when there is none or it has expired.
  std::optional<Shard> shard(ShardNumber number) const;
  // All its records, and it with them, are past the retention. Not of a stream that was deleted.
  bool has_expired(ShardNumber number) const;
  // What a closed shard became, in order of number; empty while it is open.
  std::vector<Shard> children(ShardNumber number) const;
  std::vector<Shard> open_shards() const;

  // Makes the settings and shards of `spec` those of the stream: the same name and incarnation, and
  // in the catalogue already. At once for every reader and writer.
  void adopt(StreamSpec spec);

  // ---- writing

  // An empty batch whose records arrive now.
  Batch begin_batch() const;
  // As log::StreamLog::append(), with the batch's records routed anew where that is needed, each
  // key's in their order. On success the batch is empty and may be filled again.
  Result<log::StreamLog::Appended> append(Batch& batch, std::chrono::milliseconds patience);
  struct Put {
    struct Place {
      ShardNumber shard;
      Offset offset;
    };
    log::StreamLog::Ticket ticket = 0;
    std::vector<Place> places;  // of the records, in the order in which they were added
  };
  // append() without patience that tells where the records are; the batch holds none that are meant
  // for every shard. Never waits. Batches that are put in one turn of the executor mostly reach
  // the disk together.
  Result<Put> put(Batch& batch);

  // Calls once everything up to the ticket is as durable as the stream's Sync promises, or will
  // never be (Fault::fenced, Fault::not_found). On the executor, at once when it is so already.
  void when_durable(log::StreamLog::Ticket ticket, std::function<void(Result<void>)> call);

  // ---- reading

  struct Read {
    log::Records records;
    Offset next = 0;     // where to read on: also past what the retention took
    bool ended = false;  // the shard is closed and nothing is left at `next`
  };
  // As log::StreamLog::read(), but never a record older than the retention: from below the horizon
  // it begins at the horizon. Fault::not_found: there is no such shard, or it has expired.
  Result<Read> read(ShardNumber shard, Offset from, std::size_t records_max, std::size_t bytes_max);
  // The oldest record that may be read; latest() when there is none.
  Result<Offset> horizon(ShardNumber shard);
  // One past the newest durable record.
  Offset latest(ShardNumber shard) const;
  // The first record, not below the horizon, that arrived at or after the time; else latest().
  Result<Offset> offset_at(ShardNumber shard, std::int64_t arrival_ms);

  // Calls once, on the executor, when read(shard, from) may have something new to tell: a record,
  // the end of the shard, that the stream is deleted or fenced, or that its settings changed. It
  // may be early: read, and wait again.
  [[nodiscard]] Waiting when_readable(ShardNumber shard, Offset from, std::function<void()> call);

  // Of a record that was read here.
  std::string sequence_number(ShardNumber shard, const log::Record& record) const;

  // ---- upkeep

  // What lies below: its marks, statistics and damage. Producers of the stream append here above.
  log::StreamLog& log() { return *log_; }
  // Deletes what is older than the retention. Returns how many segments.
  Result<std::size_t> retire();
  // From now on there is no such stream: its log writes nothing more. For Streams::remove().
  void end_for_deletion();
  // Nobody who waits is called any more. What they hold, this stream perhaps, is let go.
  void forget_waiters() { waiters_->drop(); }

 private:
  struct State;

  void flush() override { log_->flush(); }
  log::StreamLog::Ticket durable() const override { return log_->durable(); }
  std::optional<Error> fenced() const override { return log_->fenced(); }
  Offset readable_before(ShardNumber shard) const override;

  // Gives what the batch holds to the log, routed to the shards of now. The batch still tells what
  // it held.
  template <typename Enter>
  Result<log::StreamLog::Appended> enter(Batch& batch, Enter enter);
  std::shared_ptr<const State> state() const;
  std::int64_t now_ms() const;
  Error deleted_error() const;
  std::optional<Error> why_deleted() const;
  // Fault::not_found unless the shard can be read.
  Result<void> check_shard(const State& state, ShardNumber shard) const;
  // No record will be added to it any more, and all that it has can be read.
  bool is_complete(const State& state, ShardNumber shard) const;
  Result<Offset> first_visible(const State& state, ShardNumber shard);

  Clock& clock_;
  const std::string name_;
  std::unique_ptr<log::StreamLog> log_;
  // Shared by appends, exclusive to adopt() and end_for_deletion(); never held while waiting.
  mutable std::shared_mutex mutex_;
  std::mutex adopting_;
  std::shared_ptr<const State> state_;  // shared with those who look at it while it is replaced
  bool deleted_ = false;
  std::shared_ptr<Waiters> waiters_;  // shared with jobs on the executor
  std::uint64_t subscription_ = 0;
};

}  // namespace tailrace::stream
