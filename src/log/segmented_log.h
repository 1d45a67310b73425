#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/guarded.h"
#include "log/durable_end.h"
#include "log/group.h"
#include "log/record_reader.h"
#include "log/recovery.h"
#include "log/segment_writer.h"
#include "log/stream_log.h"

namespace tailrace::log {

// The log over segment files. Three parts, each with a lock of its own: the queue that appenders
// fill, the writer thread that empties it, the reader that has the index.
class SegmentedLog final : public StreamLog {
 public:
  SegmentedLog(Directory& directory, Options options, Clock& clock, Recovered recovered);
  ~SegmentedLog() override;

  Result<Appended> append(Batch& batch, std::chrono::milliseconds patience) override;
  Result<Appended> queue(Batch& batch) override;
  void flush() override;
  Ticket appended() const override;
  Ticket durable() const override { return durable_.ticket(); }
  Ticket synced() const override {
    return options_.sync == Sync::interval ? synced_.ticket() : durable();
  }
  Result<void> wait_durable(Ticket ticket, std::chrono::milliseconds patience) override;
  Result<void> wait_synced(Ticket ticket, std::chrono::milliseconds patience) override;
  std::uint64_t subscribe(std::function<void()> wake) override;
  void unsubscribe(std::uint64_t subscription) override;

  Result<Records> read(ShardNumber shard, Offset from, std::size_t records_max,
                       std::size_t bytes_max) override {
    return reader_.read(shard, from, records_max, bytes_max);
  }
  Offset first_offset(ShardNumber shard) const override { return reader_.first_offset(shard); }
  Offset end_offset(ShardNumber shard) const override { return reader_.end_offset(shard); }
  Result<Offset> offset_at(ShardNumber shard, std::int64_t arrival_ms) override {
    return reader_.offset_at(shard, arrival_ms);
  }
  std::optional<Offset> end_of_damage(ShardNumber shard, Offset from) const override {
    return reader_.end_of_damage(shard, from);
  }
  std::vector<Damage> damage() const override { return reader_.damage(); }

  std::optional<std::string> mark(std::string_view key) const override;
  Marks marks() const override;
  Result<std::size_t> retire(std::int64_t arrived_before_ms, std::uint64_t bytes_max) override;
  std::vector<std::string> recovery_notes() const override { return notes_; }
  std::optional<Error> fenced() const override;
  void abandon(const Error& why) override;
  Statistics statistics() const override;

 private:
  // What append() and queue() fill and the writer takes.
  struct Queue {
    std::vector<PendingBatch> batches;
    std::size_t pending_bytes = 0;  // until they are durable
    Ticket last_ticket = 0;
    std::unordered_map<ShardNumber, Offset> next;
    Offset next_of_unlisted = 0;
    std::size_t room_waiters = 0;
    bool flushed = false;  // the writer is to take what is there
    bool writer_waits = false;
    std::size_t batches_awaited = 1;  // fewer need not wake it
    bool stopping = false;
    bool try_room_now = false;
    bool rotate = false;  // the open segment is to be sealed
    std::optional<Error> full;
    std::optional<Error> fenced;
  };

  // Of what has been written.
  struct Written {
    Marks marks;
    Statistics statistics;
  };

  Error fenced_error(const Error& cause) const;

  // Gives the batch its place in the queue, which has room for it. With the lock held.
  Result<Appended> enqueue(Batch& batch);
  bool has_room(std::size_t bytes) const;
  // Lets go of the lock, and tells the writer.
  void flush(std::unique_lock<std::mutex> lock);

  // The writer thread.
  void run();
  bool take(std::vector<PendingBatch>& batches);
  bool gathers() const;
  void wait_for_work(std::unique_lock<std::mutex>& lock, std::size_t batches,
                     std::optional<std::chrono::steady_clock::time_point> until);
  bool write(Group& group);
  Result<void> make_ready(std::uint64_t group_bytes);
  Result<void> seal();
  Result<void> create();
  bool rotate();
  Result<void> timed_sync();
  bool sync_waits() const;
  bool sync_is_due() const;
  bool sync_what_is_due();
  void note_synced();
  bool wait_for_room(const Error& full);
  void publish(const Group& group, std::uint64_t write_micros);
  void finish();
  void fence(const Error& cause);
  void refuse(const Error& error);
  void stop();
  void wake_subscribers();

  Result<void> remove_retired();

  Directory& directory_;
  const Options options_;
  Clock& clock_;
  const std::vector<std::string> notes_;

  mutable std::mutex queue_mutex_;
  std::condition_variable work_;  // for the writer
  std::condition_variable room_;  // for appenders
  Queue queue_;

  RecordReader reader_;
  Guarded<Written> written_;

  DurableEnd durable_;
  DurableEnd synced_;  // for Sync::interval
  Guarded<std::map<std::uint64_t, std::function<void()>>> subscribers_;
  std::atomic<std::uint64_t> next_subscription_{1};

  std::mutex retire_mutex_;
  bool abandoned_ = false;                        // the folder is somebody else's to remove
  std::deque<std::shared_ptr<Segment>> retired_;  // whose files are still to be removed

  // Only the writer thread touches these.
  SegmentWriter writer_;
  State state_;
  std::uint64_t last_sequence_ = 0;
  std::uint64_t segment_groups_ = 0;
  std::uint64_t segment_records_ = 0;
  bool unproven_ = false;  // no group behind the newest proves that it was synced
  std::chrono::steady_clock::time_point sync_due_;
  std::chrono::steady_clock::time_point gather_until_;

  std::thread thread_;  // last: it runs on all of the above
};

}  // namespace tailrace::log
