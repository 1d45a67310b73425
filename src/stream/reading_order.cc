#include "stream/reading_order.h"

#include <algorithm>

#include "base/check.h"

namespace tailrace::stream {

std::vector<Shard> ReadingOrder::begin(const std::vector<Shard>& listed) {
  auto is_listed = [&](ShardNumber number) {
    return std::ranges::binary_search(listed, number, {}, &Shard::number);
  };
  auto is_over = [&](const std::optional<ShardNumber>& parent) {
    if (!parent || ended_.contains(*parent)) return true;
    return !is_listed(*parent) && !being_read_.contains(*parent);
  };
  std::erase_if(ended_, [&](ShardNumber number) { return !is_listed(number); });
  std::vector<Shard> begun;
  for (const Shard& shard : listed) {
    if (being_read_.contains(shard.number) || ended_.contains(shard.number)) continue;
    if (!is_over(shard.parent) || !is_over(shard.adjacent_parent)) continue;
    being_read_.insert(shard.number);
    begun.push_back(shard);
  }
  return begun;
}

void ReadingOrder::end(ShardNumber shard) {
  TAILRACE_CHECK(being_read_.erase(shard) == 1);
  ended_.insert(shard);
}

}  // namespace tailrace::stream
