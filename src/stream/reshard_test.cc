#include "stream/reshard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace tailrace::stream {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t now_ms = 1'700'000'000'123;

StreamSpec with_shards(std::uint32_t count) {
  StreamSpec spec;
  spec.name = "orders";
  spec.shards = initial_shards(count, 1'600'000'000);
  return spec;
}

HashKey middle(const Shard& shard) {
  return {shard.range.first.value + (shard.range.last.value - shard.range.first.value) / 2 + 1};
}

// What must hold of every spec, however it came about.
void check(const StreamSpec& spec) {
  const Routes routes(spec.shards);
  const auto& open = routes.shards();
  ASSERT_FALSE(open.empty());
  EXPECT_EQ(open.front().range.first, HashKey{});
  EXPECT_EQ(open.back().range.last, hash_key_max);
  for (std::size_t i = 1; i < open.size(); ++i)
    ASSERT_EQ(open[i].range.first.value, open[i - 1].range.last.value + 1);
  for (std::size_t i = 0; i < spec.shards.size(); ++i) {
    const Shard& shard = spec.shards[i];
    ASSERT_EQ(shard.number, i);
    bool has_child = std::any_of(spec.shards.begin(), spec.shards.end(), [&](const Shard& child) {
      return child.parent == shard.number || child.adjacent_parent == shard.number;
    });
    EXPECT_EQ(shard.is_open(), !has_child) << shard.number;
    if (shard.parent) {
      EXPECT_LT(*shard.parent, shard.number);
    }
  }
}

TEST(ReshardTest, ASplitClosesTheParentAndTheLowerChildGetsTheLowerNumber) {
  auto spec = with_shards(2);
  ASSERT_TRUE(split(spec, 0, HashKey{1000}, now_ms));
  check(spec);
  EXPECT_EQ(spec.find_shard(0)->closed_ms, now_ms);
  const Shard& lower = *spec.find_shard(2);
  EXPECT_EQ(lower.range, (HashRange{{0}, {999}}));
  EXPECT_EQ(lower.parent, 0u);
  EXPECT_FALSE(lower.adjacent_parent);
  EXPECT_EQ(lower.created_seconds, 1'700'000'000);
  EXPECT_EQ(spec.find_shard(3)->range.first, HashKey{1000});
  EXPECT_EQ(spec.find_shard(3)->range.last, initial_shards(2, 0)[0].range.last);
}

TEST(ReshardTest, ASplitNeedsAPlaceInsideAnOpenShard) {
  auto spec = with_shards(2);
  HashRange range = spec.shards[1].range;
  for (unsigned __int128 bad :
       {range.first.value - 5, range.first.value, range.first.value + 1, range.last.value}) {
    auto done = split(spec, 1, HashKey{bad}, now_ms);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().fault, Fault::invalid);
  }
  EXPECT_EQ(spec, with_shards(2));
  ASSERT_TRUE(split(spec, 1, HashKey{range.first.value + 2}, now_ms));
  ASSERT_TRUE(split(spec, 3, HashKey{range.last.value - 1}, now_ms));
  check(spec);
  EXPECT_THAT(split(spec, 1, middle(spec.shards[1]), now_ms).error().message, HasSubstr("closed"));
  EXPECT_EQ(split(spec, 77, HashKey{1}, now_ms).error().fault, Fault::not_found);
}

TEST(ReshardTest, AMergeNamesItsParentsInTheirOrder) {
  auto spec = with_shards(3);
  ASSERT_TRUE(merge(spec, 1, 2, now_ms));
  check(spec);
  const Shard& child = *spec.find_shard(3);
  EXPECT_EQ(child.parent, 1u);
  EXPECT_EQ(child.adjacent_parent, 2u);
  EXPECT_EQ(child.range, (HashRange{initial_shards(3, 0)[1].range.first, hash_key_max}));
}

TEST(ReshardTest, AMergeNeedsNeighboursInOrder) {
  auto spec = with_shards(3);
  EXPECT_FALSE(merge(spec, 0, 2, now_ms));
  EXPECT_FALSE(merge(spec, 1, 0, now_ms));
  EXPECT_FALSE(merge(spec, 2, 0, now_ms));
  EXPECT_FALSE(merge(spec, 1, 1, now_ms));
  EXPECT_EQ(spec, with_shards(3));
}

TEST(ReshardTest, ScalingToTheDoubleSplitsEachShardOnce) {
  for (std::uint32_t count : {1u, 2u, 3u, 5u, 7u, 100u}) {
    auto spec = with_shards(count);
    scale(spec, 2 * count, now_ms);
    check(spec);
    EXPECT_EQ(spec.open_shards(), 2 * count);
    EXPECT_EQ(spec.shards.size(), 3 * count);
    scale(spec, count, now_ms);
    check(spec);
    EXPECT_EQ(spec.open_shards(), count);
    EXPECT_EQ(spec.shards.size(), 4 * count);
  }
}

TEST(ReshardTest, ScalingToWhatIsThereChangesNothing) {
  auto spec = with_shards(7);
  scale(spec, 7, now_ms);
  EXPECT_EQ(spec, with_shards(7));
}

TEST(ReshardTest, ScalingBetweenAnyCountsLeavesEvenShardsThatAllHaveParents) {
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    std::uint32_t from = 1 + random() % 40, to = 1 + random() % 40;
    SCOPED_TRACE(std::to_string(from) + " to " + std::to_string(to));
    auto spec = with_shards(from);
    if (round % 2 == 1)
      for (int i = 0; i < 5; ++i) {
        const Shard shard = spec.shards[random() % spec.shards.size()];
        if (shard.is_open()) {
          ASSERT_TRUE(split(spec, shard.number, middle(shard), now_ms));
        }
      }
    scale(spec, to, now_ms);
    check(spec);
    ASSERT_EQ(spec.open_shards(), to);
    const Routes routes(spec.shards);
    for (std::uint32_t i = 0; i < to; ++i) {
      HashRange even = even_range(i, to), made = routes.shards()[i].range;
      auto distance = [](HashKey a, HashKey b) {
        return a < b ? b.value - a.value : a.value - b.value;
      };
      EXPECT_LT(distance(even.first, made.first), 1u << 21);
      EXPECT_LT(distance(even.last, made.last), 1u << 21);
      EXPECT_TRUE(routes.shards()[i].number < from || routes.shards()[i].parent);
    }
  }
}

}  // namespace
}  // namespace tailrace::stream
