#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

namespace tailrace::log {

// The few things last read from segments, by segment and file position, up to a total cost.
// Thread-safe. Few entries, so it is searched from end to end.
template <typename Value>
class LruCache {
 public:
  LruCache(std::size_t entries_max, std::size_t cost_max)
      : entries_max_(entries_max), cost_max_(cost_max) {}

  std::shared_ptr<Value> find(std::uint64_t segment, std::uint64_t position) {
    std::lock_guard lock(mutex_);
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      if (entry->segment != segment || entry->position != position) continue;
      entries_.splice(entries_.begin(), entries_, entry);
      return entry->value;
    }
    return nullptr;
  }

  void keep(std::uint64_t segment, std::uint64_t position, std::shared_ptr<Value> value,
            std::size_t cost) {
    if (cost > cost_max_) return;
    std::lock_guard lock(mutex_);
    entries_.push_front({segment, position, std::move(value), cost});
    cost_ += cost;
    while (entries_.size() > entries_max_ || cost_ > cost_max_) {
      cost_ -= entries_.back().cost;
      entries_.pop_back();
    }
  }

  void forget(std::uint64_t segment) {
    std::lock_guard lock(mutex_);
    entries_.remove_if([&](const Entry& entry) {
      if (entry.segment != segment) return false;
      cost_ -= entry.cost;
      return true;
    });
  }

 private:
  struct Entry {
    std::uint64_t segment;
    std::uint64_t position;
    std::shared_ptr<Value> value;
    std::size_t cost;
  };

  const std::size_t entries_max_;
  const std::size_t cost_max_;
  std::mutex mutex_;
  std::list<Entry> entries_;
  std::size_t cost_ = 0;
};

}  // namespace tailrace::log
