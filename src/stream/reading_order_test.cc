#include "stream/reading_order.h"

#include <gtest/gtest.h>

#include "stream/reshard.h"

namespace tailrace::stream {
namespace {

class ReadingOrderTest : public ::testing::Test {
 protected:
  using Numbers = std::vector<ShardNumber>;

  ReadingOrderTest() { spec.shards = initial_shards(1, 0); }
  Numbers begin() {
    Numbers begun;
    for (const Shard& shard : order.begin(spec.shards)) begun.push_back(shard.number);
    return begun;
  }
  void split(ShardNumber shard) {
    HashRange range = spec.find_shard(shard)->range;
    HashKey middle{range.first.value + (range.last.value - range.first.value) / 2};
    ASSERT_TRUE(stream::split(spec, shard, middle, 1000));
  }
  void expire(ShardNumber shard) {
    std::erase_if(spec.shards, [&](const Shard& one) { return one.number == shard; });
  }

  StreamSpec spec;
  ReadingOrder order;
};

TEST_F(ReadingOrderTest, AShardBeginsOnce) {
  EXPECT_EQ(begin(), Numbers{0});
  EXPECT_EQ(begin(), Numbers{});
}

TEST_F(ReadingOrderTest, ChildrenBeginWhenTheirParentHasEnded) {
  split(0);
  EXPECT_EQ(begin(), Numbers{0});
  order.end(0);
  EXPECT_EQ(begin(), (Numbers{1, 2}));
  EXPECT_TRUE(order.has_ended(0));
}

TEST_F(ReadingOrderTest, AMergedShardWaitsForBothParents) {
  spec.shards = initial_shards(2, 0);
  ASSERT_TRUE(merge(spec, 0, 1, 1000));
  EXPECT_EQ(begin(), (Numbers{0, 1}));
  order.end(1);
  EXPECT_EQ(begin(), Numbers{});
  order.end(0);
  EXPECT_EQ(begin(), Numbers{2});
}

TEST_F(ReadingOrderTest, WithExpiredParentsTheOldestThatAreLeftBegin) {
  split(0);
  split(1);
  expire(0);
  EXPECT_EQ(begin(), (Numbers{1, 2}));
  order.end(1);
  EXPECT_EQ(begin(), (Numbers{3, 4}));
}

TEST_F(ReadingOrderTest, AParentThatExpiresWhileItIsReadIsStillWaitedFor) {
  split(0);
  EXPECT_EQ(begin(), Numbers{0});
  expire(0);
  EXPECT_EQ(begin(), Numbers{});
  order.end(0);
  EXPECT_EQ(begin(), (Numbers{1, 2}));
  EXPECT_FALSE(order.has_ended(0)) << "what has expired is forgotten";
}

}  // namespace
}  // namespace tailrace::stream
