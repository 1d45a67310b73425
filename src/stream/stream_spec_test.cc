#include "stream/stream_spec.h"

#include <gtest/gtest.h>

namespace tailrace::stream {
namespace {

HashKey key_of(const char* decimal) { return parse_hash_key(decimal).value(); }

TEST(InitialShardsTest, ThreeShardsDivideTheRingAsKinesisDoes) {
  auto shards = initial_shards(3, 7);
  ASSERT_EQ(shards.size(), 3u);
  EXPECT_EQ(shards[0].range.last, key_of("113427455640312821154458202477256070484"));
  EXPECT_EQ(shards[1].range.first, key_of("113427455640312821154458202477256070485"));
  EXPECT_EQ(shards[1].range.last, key_of("226854911280625642308916404954512140969"));
  EXPECT_EQ(shards[2].range.last, hash_key_max);
  EXPECT_EQ(shards[2].created_seconds, 7);
}

TEST(InitialShardsTest, RangesTouchAndCoverTheRingForAnyCount) {
  for (std::uint32_t count : {1u, 2u, 4u, 7u, 1000u, 4096u, 10000u}) {
    auto shards = initial_shards(count, 0);
    EXPECT_EQ(shards.front().range.first, HashKey{});
    EXPECT_EQ(shards.back().range.last, hash_key_max);
    for (std::size_t i = 1; i < shards.size(); ++i)
      ASSERT_EQ(shards[i].range.first.value, shards[i - 1].range.last.value + 1);
  }
}

TEST(InitialShardsTest, TwoShardsMeetInTheMiddle) {
  EXPECT_EQ(initial_shards(2, 0)[1].range.first, key_of("170141183460469231731687303715884105728"));
}

TEST(StreamNameTest, TheBrokenRuleIsNamed) {
  EXPECT_TRUE(check_stream_name("product-changes.v1_X"));
  EXPECT_TRUE(check_stream_name(std::string(128, 'a')));
  for (const std::string& name : {std::string(), std::string(129, 'a'), std::string("a/b")}) {
    auto checked = check_stream_name(name);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().fault, Fault::invalid);
  }
  EXPECT_NE(check_stream_name("a/b").error().message.find("position 2"), std::string::npos);
}

TEST(StreamSpecTest, AShardIsFoundByItsNumberAlsoWhenOthersAreGone) {
  StreamSpec spec;
  spec.shards = initial_shards(5, 0);
  spec.shards.erase(spec.shards.begin() + 1);
  EXPECT_EQ(spec.find_shard(3)->number, 3u);
  EXPECT_EQ(spec.find_shard(1), nullptr);
  EXPECT_EQ(spec.find_shard(9), nullptr);
}

TEST(StreamSpecTest, ALongerRetentionDoesNotBringBackWhatWasHidden) {
  constexpr std::int64_t hour = 3'600'000, now = 1000 * hour;
  StreamSpec spec;
  spec.set_retention(std::chrono::hours{48}, now);
  EXPECT_EQ(spec.visible_from_ms(now), now - 24 * hour);
  EXPECT_EQ(spec.visible_from_ms(now + 10 * hour), now - 24 * hour);
  EXPECT_EQ(spec.visible_from_ms(now + 100 * hour), now + 52 * hour);
  spec.set_retention(std::chrono::hours{24}, now + 10 * hour);
  EXPECT_EQ(spec.visible_from_ms(now + 10 * hour), now - 14 * hour);
}

TEST(StreamSpecTest, AClosedShardExpiresWhenItsEndIsPastTheRetention) {
  constexpr std::int64_t hour = 3'600'000;
  StreamSpec spec;
  Shard shard;
  EXPECT_FALSE(spec.is_expired(shard, 1'000'000 * hour));
  shard.closed_ms = 100 * hour;
  EXPECT_FALSE(spec.is_expired(shard, 124 * hour));
  EXPECT_TRUE(spec.is_expired(shard, 124 * hour + 1));
}

}  // namespace
}  // namespace tailrace::stream
