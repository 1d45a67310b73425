#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>

#include "log/stream_log.h"

namespace tailrace::delivery {

// A log in memory whose reads fail as a test wants them to.
class MemoryLog final : public log::StreamLog {
 public:
  void add(ShardNumber shard, std::string key, std::string payload, std::int64_t arrival_ms) {
    {
      std::lock_guard lock(mutex_);
      shards_[shard].push_back({std::move(key), std::move(payload), arrival_ms});
    }
    wake();
  }
  void retire_before(ShardNumber shard, Offset first) {
    std::lock_guard lock(mutex_);
    firsts_[shard] = first;
  }
  // Reads that would begin at `at` fail, and earlier ones end there.
  void damage_at(ShardNumber shard, Offset at) {
    std::lock_guard lock(mutex_);
    damaged_[shard] = at;
  }
  void mend(ShardNumber shard) {
    std::lock_guard lock(mutex_);
    damaged_.erase(shard);
  }
  void fail_reads(int count) {
    std::lock_guard lock(mutex_);
    failing_reads_ = count;
  }

  Result<Appended> append(log::Batch&, std::chrono::milliseconds) override {
    return Error{Fault::internal, "not for this test"};
  }
  Ticket appended() const override { return 0; }
  Ticket durable() const override { return 0; }
  Result<void> wait_durable(Ticket, std::chrono::milliseconds) override { return {}; }
  std::uint64_t subscribe(std::function<void()> wake) override {
    std::lock_guard lock(mutex_);
    wakes_[++last_subscription_] = std::move(wake);
    return last_subscription_;
  }
  void unsubscribe(std::uint64_t subscription) override {
    std::lock_guard lock(mutex_);
    wakes_.erase(subscription);
  }
  Result<log::Records> read(ShardNumber shard, Offset from, std::size_t records_max,
                            std::size_t) override {
    std::lock_guard lock(mutex_);
    if (failing_reads_ > 0) {
      --failing_reads_;
      return Error{Fault::internal, "read segment 1: Input/output error"};
    }
    if (from < firsts_[shard]) return Error{Fault::not_found, "trimmed"};
    auto damage = damaged_.find(shard);
    if (damage != damaged_.end() && damage->second == from)
      return Error{Fault::corrupt, "segment 1: offsets 2 to 3 are damaged"};
    auto& all = shards_[shard];
    log::Records read;
    read.next = from;
    while (read.next < all.size() && read.records.size() < records_max &&
           (damage == damaged_.end() || read.next != damage->second)) {
      auto& entry = all[read.next];
      read.records.push_back({read.next++, entry.arrival_ms, entry.key, entry.payload});
    }
    return read;
  }
  Offset first_offset(ShardNumber shard) const override {
    std::lock_guard lock(mutex_);
    auto first = firsts_.find(shard);
    return first == firsts_.end() ? 0 : first->second;
  }
  Offset end_offset(ShardNumber shard) const override {
    std::lock_guard lock(mutex_);
    auto all = shards_.find(shard);
    return all == shards_.end() ? 0 : all->second.size();
  }
  Result<Offset> offset_at(ShardNumber shard, std::int64_t arrival_ms) override {
    std::lock_guard lock(mutex_);
    auto& all = shards_[shard];
    Offset at = firsts_[shard];
    while (at < all.size() && all[at].arrival_ms < arrival_ms) ++at;
    return at;
  }
  std::optional<Offset> end_of_damage(ShardNumber, Offset) const override { return std::nullopt; }
  std::optional<std::string> mark(std::string_view) const override { return std::nullopt; }
  log::Marks marks() const override { return {}; }
  Result<std::size_t> retire(std::int64_t, std::uint64_t) override { return std::size_t{0}; }
  std::vector<Damage> damage() const override { return {}; }
  std::vector<std::string> recovery_notes() const override { return {}; }
  std::optional<Error> fenced() const override { return std::nullopt; }
  void abandon(const Error&) override {}
  Statistics statistics() const override { return {}; }

 private:
  struct Entry {
    std::string key, payload;
    std::int64_t arrival_ms;
  };
  void wake() {
    std::lock_guard lock(mutex_);
    for (auto& [id, call] : wakes_) call();
  }

  mutable std::mutex mutex_;
  std::map<ShardNumber, std::deque<Entry>> shards_;  // a deque: the views stay where they are
  std::map<ShardNumber, Offset> firsts_, damaged_;
  int failing_reads_ = 0;
  std::uint64_t last_subscription_ = 0;
  std::map<std::uint64_t, std::function<void()>> wakes_;
};

}  // namespace tailrace::delivery
