#include "stream/reshard.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/clock.h"

namespace tailrace::stream {
namespace {

// 2^128 / count is rounded; boundaries of two divisions that are meant to be the same may lie this
// far apart. It is nothing of a ring of 2^128.
constexpr unsigned __int128 rounding = 1u << 20;

// The shards of one spec while they change.
class Reshaping {
 public:
  Reshaping(StreamSpec& spec, std::int64_t now_ms)
      : spec_(spec), now_ms_(now_ms), now_seconds_(seconds_of_ms(now_ms)) {}

  // Returns the numbers of both children.
  std::pair<ShardNumber, ShardNumber> split(ShardNumber parent, HashKey new_first) {
    HashRange range = close(parent);
    ShardNumber lower = add({range.first, {new_first.value - 1}}, parent, std::nullopt);
    return {lower, add({new_first, range.last}, parent, std::nullopt)};
  }

  ShardNumber merge(ShardNumber parent, ShardNumber adjacent) {
    HashRange lower = close(parent), upper = close(adjacent);
    return add({lower.first, upper.last}, parent, adjacent);
  }

  // Splits the shard at all these places inside it, halving, so that the lineage stays short.
  // Returns the pieces in order of range.
  std::vector<ShardNumber> split_at(ShardNumber shard, const HashKey* begin, const HashKey* end) {
    if (begin == end) return {shard};
    const HashKey* middle = begin + (end - begin) / 2;
    auto [lower, upper] = split(shard, *middle);
    auto pieces = split_at(lower, begin, middle);
    for (ShardNumber piece : split_at(upper, middle + 1, end)) pieces.push_back(piece);
    return pieces;
  }

  // Merges neighbours, given in order of range, into one.
  ShardNumber merge_all(const ShardNumber* begin, const ShardNumber* end) {
    if (end - begin == 1) return *begin;
    const ShardNumber* middle = begin + (end - begin) / 2;
    ShardNumber lower = merge_all(begin, middle);
    return merge(lower, merge_all(middle, end));
  }

 private:
  Shard& at(ShardNumber number) {
    auto found = std::lower_bound(
        spec_.shards.begin(), spec_.shards.end(), number,
        [](const Shard& shard, ShardNumber wanted) { return shard.number < wanted; });
    TAILRACE_CHECK(found != spec_.shards.end() && found->number == number);
    return *found;
  }

  HashRange close(ShardNumber number) {
    Shard& shard = at(number);
    shard.closed_ms = now_ms_;
    return shard.range;
  }

  // The newest shard is always open, so that its number was never given to another.
  ShardNumber add(HashRange range, ShardNumber parent, std::optional<ShardNumber> adjacent) {
    ShardNumber number = spec_.shards.back().number + 1;
    spec_.shards.push_back({.number = number,
                            .range = range,
                            .created_seconds = created_after(parent, adjacent),
                            .parent = parent,
                            .adjacent_parent = adjacent,
                            .closed_ms = std::nullopt});
    return number;
  }

  // Sequence numbers begin with this second: a child's are above those of its parents, also when
  // these are of the same second or the clock was set back.
  std::int64_t created_after(ShardNumber parent, std::optional<ShardNumber> adjacent) {
    std::int64_t newest = at(parent).created_seconds;
    if (adjacent) newest = std::max(newest, at(*adjacent).created_seconds);
    return std::max(now_seconds_, newest + 1);
  }

  StreamSpec& spec_;
  const std::int64_t now_ms_, now_seconds_;
};

Error closed_error(const StreamSpec& spec, ShardNumber shard) {
  const Shard* known = spec.find_shard(shard);
  if (known == nullptr)
    return Error{Fault::not_found, "the stream " + spec.name + " has no shard " + shard_id(shard)};
  return Error{Fault::invalid, shard_id(shard) + " of the stream " + spec.name + " is closed"};
}

bool is_open(const StreamSpec& spec, ShardNumber shard) {
  const Shard* known = spec.find_shard(shard);
  return known != nullptr && known->is_open();
}

}  // namespace

Result<void> split(StreamSpec& spec, ShardNumber shard, HashKey new_first, std::int64_t now_ms) {
  if (!is_open(spec, shard)) return closed_error(spec, shard);
  HashRange range = spec.find_shard(shard)->range;
  bool fits =
      range.first.value + 1 < new_first.value && range.first < range.last && new_first < range.last;
  if (!fits)
    return Error{Fault::invalid, "the new starting hash key " + to_string(new_first) +
                                     " must be greater than " + to_string(range.first) +
                                     " + 1 and less than " + to_string(range.last) + ", " +
                                     shard_id(shard) + "'s range"};
  Reshaping(spec, now_ms).split(shard, new_first);
  return {};
}

Result<void> merge(StreamSpec& spec, ShardNumber shard, ShardNumber adjacent, std::int64_t now_ms) {
  for (ShardNumber one : {shard, adjacent})
    if (!is_open(spec, one)) return closed_error(spec, one);
  HashKey last = spec.find_shard(shard)->range.last;
  bool touch =
      last < hash_key_max && last.value + 1 == spec.find_shard(adjacent)->range.first.value;
  if (!touch)
    return Error{Fault::invalid, shard_id(adjacent) + " does not begin where " + shard_id(shard) +
                                     " of the stream " + spec.name + " ends"};
  Reshaping(spec, now_ms).merge(shard, adjacent);
  return {};
}

void scale(StreamSpec& spec, std::uint32_t target, std::int64_t now_ms) {
  const Routes before(spec.shards);
  const std::vector<Shard>& open = before.shards();
  auto starts_near = [&](HashKey wanted) -> std::optional<HashKey> {
    auto at = std::lower_bound(open.begin(), open.end(), wanted,
                               [](const Shard& s, HashKey key) { return s.range.first < key; });
    if (at != open.end() && at->range.first.value - wanted.value <= rounding)
      return at->range.first;
    if (at != open.begin() && wanted.value - std::prev(at)->range.first.value <= rounding)
      return std::prev(at)->range.first;
    return std::nullopt;
  };
  // Where the wanted shards begin, but the first one. Those that must be cut lie inside a shard.
  std::vector<HashKey> begins, cuts;
  for (std::uint32_t i = 1; i < target; ++i) {
    HashKey wanted = even_range(i, target).first;
    auto known = starts_near(wanted);
    begins.push_back(known.value_or(wanted));
    if (!known) cuts.push_back(wanted);
  }

  Reshaping shards(spec, now_ms);
  std::vector<std::pair<HashKey, ShardNumber>> pieces;  // in order of range
  auto cut = cuts.begin();
  for (const Shard& shard : open) {
    auto end = std::find_if(cut, cuts.end(), [&](HashKey key) { return shard.range.last < key; });
    HashKey first = shard.range.first;
    for (ShardNumber piece :
         shards.split_at(shard.number, std::to_address(cut), std::to_address(end))) {
      pieces.emplace_back(first, piece);
      if (cut != end) first = *cut++;
    }
  }

  auto begin = pieces.begin();
  for (std::size_t i = 0; i < target; ++i) {
    auto end = i < begins.size()
                   ? std::find_if(begin, pieces.end(),
                                  [&](const auto& p) { return !(p.first < begins[i]); })
                   : pieces.end();
    std::vector<ShardNumber> neighbours;
    for (; begin != end; ++begin) neighbours.push_back(begin->second);
    shards.merge_all(neighbours.data(), neighbours.data() + neighbours.size());
  }
}

}  // namespace tailrace::stream
