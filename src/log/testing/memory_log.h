#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "log/stream_log.h"

namespace tailrace::log::testing {

// A log in memory whose records, clock and accidents the test decides. Nothing can be appended:
// what it holds is put there by add(), durable at once.
class MemoryLog : public StreamLog {
 public:
  void add(ShardNumber shard, std::int64_t arrival_ms, std::string payload) {
    {
      std::lock_guard lock(mutex_);
      shards_[shard].records.push_back({arrival_ms, std::move(payload)});
    }
    wake();
  }
  // [from, to) cannot be read.
  void damage(ShardNumber shard, Offset from, Offset to) {
    std::lock_guard lock(mutex_);
    shards_[shard].damage = {from, to};
  }
  // From here on nothing can be read, and nobody can tell how far.
  void damage_from(ShardNumber shard, Offset from) { damage(shard, from, nowhere); }
  void mend(ShardNumber shard) { damage(shard, 0, 0); }
  void retire_before(ShardNumber shard, Offset before) {
    std::lock_guard lock(mutex_);
    shards_[shard].first = before;
  }
  void fail_reads(int count) {
    std::lock_guard lock(mutex_);
    failing_reads_ = count;
  }
  void fence() { abandon({Fault::fenced, "the disk is gone"}); }
  std::size_t subscribers() const {
    std::lock_guard lock(wakes_mutex_);
    return wakes_.size();
  }

  Result<Appended> append(Batch&, std::chrono::milliseconds) override {
    return Error{Fault::fenced, "not for appending"};
  }
  Result<Appended> queue(Batch& batch) override { return append(batch, {}); }
  void flush() override {}
  Ticket appended() const override { return 0; }
  Ticket durable() const override { return 0; }
  Ticket synced() const override { return durable(); }
  Result<void> wait_durable(Ticket, std::chrono::milliseconds) override { return {}; }
  Result<void> wait_synced(Ticket, std::chrono::milliseconds) override { return {}; }

  std::uint64_t subscribe(std::function<void()> wake) override {
    std::lock_guard lock(wakes_mutex_);
    wakes_[++last_subscription_] = std::move(wake);
    return last_subscription_;
  }
  void unsubscribe(std::uint64_t subscription) override {
    std::lock_guard lock(wakes_mutex_);
    wakes_.erase(subscription);
  }

  Result<Records> read(ShardNumber number, Offset from, std::size_t records_max,
                       std::size_t) override {
    std::lock_guard lock(mutex_);
    if (failing_reads_ > 0) {
      --failing_reads_;
      return Error{Fault::internal, "read segment 1: Input/output error"};
    }
    const Shard& shard = shards_[number];
    const auto [damaged, mended] = shard.damage;
    if (from < shard.first) return Error{Fault::not_found, "retired"};
    if (damaged <= from && from < mended)
      return Error{Fault::corrupt,
                   "segment 1: from offset " + std::to_string(damaged) + " on it is damaged"};
    Offset end = shard.records.size();
    if (from < damaged) end = std::min(end, damaged);
    Records run;
    for (Offset at = from; at < end && run.records.size() < records_max; ++at)
      run.records.push_back({at, shard.records[at].arrival_ms, "key", shard.records[at].payload});
    run.next = from + run.records.size();
    return run;
  }
  Offset first_offset(ShardNumber shard) const override {
    std::lock_guard lock(mutex_);
    return shards_[shard].first;
  }
  Offset end_offset(ShardNumber shard) const override {
    std::lock_guard lock(mutex_);
    return shards_[shard].records.size();
  }
  Result<Offset> offset_at(ShardNumber number, std::int64_t arrival_ms) override {
    std::lock_guard lock(mutex_);
    const Shard& shard = shards_[number];
    Offset at = shard.first;
    while (at < shard.records.size() && shard.records[at].arrival_ms < arrival_ms) ++at;
    return at;
  }
  std::optional<Offset> end_of_damage(ShardNumber shard, Offset) const override {
    std::lock_guard lock(mutex_);
    Offset end = shards_[shard].damage.second;
    if (end == 0 || end == nowhere) return std::nullopt;
    return end;
  }

  std::optional<std::string> mark(std::string_view) const override { return std::nullopt; }
  Marks marks() const override { return {}; }
  Result<std::size_t> retire(std::int64_t, std::uint64_t) override { return std::size_t{0}; }
  std::vector<Damage> damage() const override { return {}; }
  std::vector<std::string> recovery_notes() const override { return {}; }
  std::optional<Error> fenced() const override {
    std::lock_guard lock(mutex_);
    return fenced_;
  }
  void abandon(const Error& why) override {
    {
      std::lock_guard lock(mutex_);
      fenced_ = why;
    }
    wake();
  }
  Statistics statistics() const override { return {}; }

 private:
  static constexpr Offset nowhere = std::numeric_limits<Offset>::max();

  struct Kept {
    std::int64_t arrival_ms;
    std::string payload;
  };
  struct Shard {
    std::deque<Kept> records;  // a deque: the views stay where they are
    Offset first = 0;
    std::pair<Offset, Offset> damage;
  };

  void wake() {
    std::lock_guard lock(wakes_mutex_);
    for (auto& [subscription, call] : wakes_) call();
  }

  mutable std::mutex mutex_;
  mutable std::map<ShardNumber, Shard> shards_;
  int failing_reads_ = 0;
  std::optional<Error> fenced_;
  mutable std::mutex wakes_mutex_;
  std::map<std::uint64_t, std::function<void()>> wakes_;
  std::uint64_t last_subscription_ = 0;
};

}  // namespace tailrace::log::testing
