#include "stream/stream_spec.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/random.h"

namespace tailrace::stream {
namespace {

constexpr std::size_t name_bytes_max = 128;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-';
}

std::int64_t milliseconds(std::chrono::hours time) {
  return std::chrono::milliseconds(time).count();
}

}  // namespace

const Shard* StreamSpec::find_shard(ShardNumber number) const {
  auto found = std::lower_bound(
      shards.begin(), shards.end(), number,
      [](const Shard& shard, ShardNumber wanted) { return shard.number < wanted; });
  return found == shards.end() || found->number != number ? nullptr : &*found;
}

const Consumer* StreamSpec::find_consumer(const std::string& consumer) const {
  auto found = std::find_if(consumers.begin(), consumers.end(),
                            [&](const Consumer& known) { return known.name == consumer; });
  return found == consumers.end() ? nullptr : &*found;
}

std::uint32_t StreamSpec::open_shards() const {
  return static_cast<std::uint32_t>(
      std::count_if(shards.begin(), shards.end(), [](const Shard& s) { return s.is_open(); }));
}

void StreamSpec::set_retention(std::chrono::hours wanted, std::int64_t now_ms) {
  if (wanted > retention) hidden_before_ms = visible_from_ms(now_ms);
  retention = wanted;
}

std::int64_t StreamSpec::visible_from_ms(std::int64_t now_ms) const {
  return std::max(hidden_before_ms, now_ms - milliseconds(retention));
}

bool StreamSpec::is_expired(const Shard& shard, std::int64_t now_ms) const {
  return shard.closed_ms && *shard.closed_ms < visible_from_ms(now_ms);
}

std::vector<Shard> initial_shards(std::uint32_t count, std::int64_t created_seconds) {
  TAILRACE_CHECK(count > 0);
  std::vector<Shard> shards;
  shards.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    Shard shard{.number = i, .created_seconds = created_seconds};
    shard.range = even_range(i, count);
    shards.push_back(shard);
  }
  return shards;
}

HashRange even_range(std::uint32_t index, std::uint32_t count) {
  TAILRACE_CHECK(index < count);
  // (2^128 - 1) / count is 2^128 / count, except that 2^128 itself cannot be written down when
  // count is a power of two: the remainder tells.
  unsigned __int128 width = hash_key_max.value / count;
  if (hash_key_max.value % count == count - 1) ++width;
  HashRange range;
  range.first.value = width * index;
  range.last.value = index + 1 == count ? hash_key_max.value : width * (index + 1) - 1;
  return range;
}

std::uint64_t random_incarnation() {
  std::uint64_t value = 0;
  std::memcpy(&value, random_bytes(sizeof value).data(), sizeof value);
  return value;
}

Result<void> check_stream_name(const std::string& name) {
  if (name.empty()) return Error{Fault::invalid, "a stream name may not be empty"};
  if (name.size() > name_bytes_max)
    return Error{Fault::invalid, "the stream name " + name.substr(0, 20) + "... has " +
                                     std::to_string(name.size()) + " characters, at most " +
                                     std::to_string(name_bytes_max) + " are allowed"};
  auto odd = std::find_if_not(name.begin(), name.end(), is_name_character);
  if (odd != name.end())
    return Error{Fault::invalid, "the stream name " + name +
                                     " has a character that is none of a-z A-Z 0-9 _ . - at "
                                     "position " +
                                     std::to_string(odd - name.begin() + 1)};
  return {};
}

Routes::Routes(const std::vector<Shard>& shards) {
  for (const Shard& shard : shards)
    if (shard.is_open()) open_.push_back(shard);
  std::sort(open_.begin(), open_.end(),
            [](const Shard& a, const Shard& b) { return a.range.first < b.range.first; });
}

ShardNumber Routes::shard_for(HashKey key) const {
  auto behind = std::upper_bound(
      open_.begin(), open_.end(), key,
      [](HashKey wanted, const Shard& shard) { return wanted < shard.range.first; });
  TAILRACE_CHECK(behind != open_.begin() && std::prev(behind)->range.contains(key));
  return std::prev(behind)->number;
}

}  // namespace tailrace::stream
