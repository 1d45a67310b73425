#pragma once

#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "admin/api_fixture.h"
#include "log/stream_log.h"
#include "stream/reshard.h"

namespace tailrace::admin {

// A log whose disk, clock and accidents the test decides.
class FakeLog final : public log::StreamLog {
 public:
  struct Kept {
    std::int64_t arrival_ms;
    std::string key, payload;
  };

  // Durable at once.
  void keep(ShardNumber shard, std::int64_t arrival_ms, std::string payload) {
    {
      std::lock_guard lock(mutex_);
      shards_[shard].push_back({arrival_ms, "key", std::move(payload)});
    }
    wakes.wake_all();
  }
  // [from, to) cannot be read.
  void damage(ShardNumber shard, Offset from, Offset to) { damaged_[shard] = {from, to}; }
  // From here on nothing can be read, and nobody can tell how far.
  void damage_to_nowhere(ShardNumber shard, Offset from) {
    damaged_[shard] = {from, std::numeric_limits<Offset>::max()};
  }
  void retire_before(ShardNumber shard, Offset before) { first_[shard] = before; }
  void fence() {
    {
      std::lock_guard lock(mutex_);
      fenced_ = Error{Fault::fenced, "the disk is gone"};
    }
    wakes.wake_all();
  }

  Result<Appended> append(log::Batch&, std::chrono::milliseconds) override {
    return Error{Fault::fenced, "not for appending"};
  }
  Ticket appended() const override { return 0; }
  Ticket durable() const override { return 0; }
  Result<void> wait_durable(Ticket, std::chrono::milliseconds) override { return {}; }
  std::uint64_t subscribe(std::function<void()> wake) override {
    return wakes.subscribe(std::move(wake));
  }
  void unsubscribe(std::uint64_t subscription) override { wakes.unsubscribe(subscription); }

  Result<log::Records> read(ShardNumber shard, Offset from, std::size_t records_max,
                            std::size_t) override {
    std::lock_guard lock(mutex_);
    if (from < first_[shard]) return Error{Fault::not_found, "retired"};
    auto damaged = damaged_[shard];
    if (damaged.first <= from && from < damaged.second) return Error{Fault::corrupt, "bit rot"};
    Offset end = shards_[shard].size();
    if (from < damaged.first) end = std::min(end, damaged.first);
    log::Records run;
    for (Offset at = from; at < end && run.records.size() < records_max; ++at) {
      const Kept& kept = shards_[shard][at];
      run.records.push_back({at, kept.arrival_ms, kept.key, kept.payload});
    }
    run.next = from + run.records.size();
    return run;
  }
  Offset first_offset(ShardNumber shard) const override {
    std::lock_guard lock(mutex_);
    return first_[shard];
  }
  Offset end_offset(ShardNumber shard) const override {
    std::lock_guard lock(mutex_);
    return shards_[shard].size();
  }
  Result<Offset> offset_at(ShardNumber shard, std::int64_t arrival_ms) override {
    std::lock_guard lock(mutex_);
    Offset at = first_[shard];
    while (at < shards_[shard].size() && shards_[shard][at].arrival_ms < arrival_ms) ++at;
    return at;
  }
  std::optional<Offset> end_of_damage(ShardNumber shard, Offset) const override {
    Offset end = damaged_[shard].second;
    if (end == 0 || end == std::numeric_limits<Offset>::max()) return std::nullopt;
    return end;
  }

  std::optional<std::string> mark(std::string_view) const override { return std::nullopt; }
  log::Marks marks() const override { return {}; }
  Result<std::size_t> retire(std::int64_t, std::uint64_t) override { return std::size_t{0}; }
  std::vector<Damage> damage() const override { return {}; }
  std::vector<std::string> recovery_notes() const override { return {}; }
  std::optional<Error> fenced() const override {
    std::lock_guard lock(mutex_);
    return fenced_;
  }
  void abandon(const Error&) override {}
  Statistics statistics() const override { return {}; }

  Wakes wakes;

 private:
  mutable std::mutex mutex_;
  mutable std::map<ShardNumber, std::deque<Kept>> shards_;
  mutable std::map<ShardNumber, Offset> first_;
  mutable std::map<ShardNumber, std::pair<Offset, Offset>> damaged_;
  std::optional<Error> fenced_;
};

// Stands at 1970, so that no arrival is past the retention.
class EpochClock final : public Clock {
 public:
  UnixMicros now() override { return {}; }
  std::chrono::steady_clock::time_point steady() override {
    return std::chrono::steady_clock::now();
  }
};

struct FakeStream {
  explicit FakeStream(std::uint32_t shards) {
    auto made = std::make_unique<FakeLog>();
    log = made.get();
    stream::StreamSpec spec;
    spec.name = "orders";
    spec.created_seconds = 1769853600;
    spec.shards = stream::initial_shards(shards, spec.created_seconds);
    stream = std::make_shared<stream::Stream>(std::move(spec), std::move(made), clock);
  }

  // Who waits for the log, beside the stream itself.
  std::size_t watchers() { return log->wakes.count() - 1; }
  // In the middle of its range; the children are the next two.
  void split(ShardNumber shard) {
    auto spec = *stream->spec();
    HashRange range = spec.find_shard(shard)->range;
    HashKey middle{range.first.value + (range.last.value - range.first.value) / 2};
    ASSERT_TRUE(stream::split(spec, shard, middle, 0));
    stream->adopt(std::move(spec));
  }
  void merge(ShardNumber shard, ShardNumber adjacent) {
    auto spec = *stream->spec();
    ASSERT_TRUE(stream::merge(spec, shard, adjacent, 0));
    stream->adopt(std::move(spec));
  }

  EpochClock clock;
  FakeLog* log;
  std::shared_ptr<stream::Stream> stream;
};

}  // namespace tailrace::admin
