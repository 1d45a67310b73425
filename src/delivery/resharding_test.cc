#include "delivery/delivery_fixture.h"

// What triggers make of shards that are split and merged while they read.

namespace tailrace::delivery {
namespace {

using testing::ElementsAre;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class ReshardingTest : public DeliveriesTest {
 protected:
  // Every shard's records that were given to the function, in the order of the calls.
  std::vector<std::string> all_records() {
    std::vector<std::string> all;
    for (auto& one : functions_.seen()) all.insert(all.end(), one.data.begin(), one.data.end());
    return all;
  }
  void answer_all() {
    functions_.answer_with([](const Seen&) { return done(); });
  }
  // Of the shards that the trigger has not handled to their end.
  std::vector<ShardNumber> waiting() {
    std::vector<ShardNumber> shards;
    for (auto& cursor : status().cursors)
      if (cursor.waits_for_parent) shards.push_back(cursor.shard);
    return shards;
  }
};

TEST_F(ReshardingTest, ChildrenBeginWhenTheirParentIsHandled) {
  append(0, {"parent"});
  start();
  put(trigger_spec("orders", "f"));
  auto call = functions_.call(0);

  split(0);
  append(2, {"low"});
  append(3, {"high"});
  EXPECT_EQ(waiting(), (std::vector<ShardNumber>{2, 3}));
  EXPECT_FALSE(deliveries_->delivered("orders", {{2, 1}}));
  EXPECT_EQ(functions_.count(), 1u);
  answer_all();

  ASSERT_TRUE(wait_delivered(2, 1));
  ASSERT_TRUE(wait_delivered(3, 1));
  EXPECT_TRUE(deliveries_->delivered("orders", {{0, 1}, {1, 0}, {2, 1}, {3, 1}}));
  EXPECT_EQ(all_records().front(), "parent");
  EXPECT_THAT(all_records(), UnorderedElementsAre("parent", "low", "high"));
  EXPECT_THAT(waiting(), SizeIs(0));
  EXPECT_THAT(status().cursors, SizeIs(3)) << "a shard that is handled to its end has none";
  EXPECT_EQ(status().records, 3u);
}

TEST_F(ReshardingTest, AMergedShardBeginsAfterBothItsParents) {
  append(0, {"a"});
  append(1, {"b"});
  start();
  put(trigger_spec("orders", "f"));
  functions_.call(0);
  functions_.call(1);
  auto of_shard = [&](ShardNumber shard) {
    return functions_.call(functions_.call(0).seen.shard == shard ? 0 : 1);
  };
  merge(0, 1);
  append(2, {"merged"});

  of_shard(1).done(done());
  ASSERT_TRUE(wait_until(*deliveries_, [&] { return status().cursors.size() == 2; }));
  EXPECT_EQ(waiting(), (std::vector<ShardNumber>{2}));
  EXPECT_EQ(functions_.count(), 2u);
  of_shard(0).done(done());

  EXPECT_EQ(functions_.call(2).seen.data, (std::vector<std::string>{"merged"}));
}

TEST_F(ReshardingTest, AShardThatIsIdleGivesWayWithoutARecord) {
  answer_all();
  start();
  put(trigger_spec("orders", "f"));

  split(0);
  append(3, {"new"});

  ASSERT_TRUE(wait_delivered(3, 1));
}

TEST_F(ReshardingTest, GenerationsOfEmptyShardsArePassed) {
  answer_all();
  start();
  put(trigger_spec("orders", "f"));

  merge(0, 1);  // into 2
  for (ShardNumber n = 2; n < 20; n += 3) {
    split(n);
    merge(n + 1, n + 2);
  }
  append(20, {"last"});

  ASSERT_TRUE(wait_delivered(20, 1));
  EXPECT_THAT(status().cursors, SizeIs(1));
}

TEST_F(ReshardingTest, LatestReadsChildrenThatCameLaterFromTheirFirstRecord) {
  append(0, {"old"});
  auto spec = trigger_spec("orders", "f");
  spec.start = TriggerSpec::Start::latest;
  start();
  put(spec);
  append(0, {"parent"});
  functions_.call(0);  // never answered
  split(0);
  append(2, {"child"});
  // Also when the server was away before it noticed.
  deliveries_.reset();
  append(2, {"later"});
  start();
  answer_all();
  put(spec);

  ASSERT_TRUE(wait_delivered(2, 2));

  EXPECT_THAT(functions_.records(0), ElementsAre("parent", "parent"));
  EXPECT_THAT(functions_.records(2), ElementsAre("child", "later"));
}

TEST_F(ReshardingTest, LatestAfterAReshardLeavesOutWhatIsInTheShardsByThen) {
  answer_all();
  append(0, {"old"});
  split(0);
  append(2, {"old too"});
  auto spec = trigger_spec("orders", "f");
  spec.start = TriggerSpec::Start::latest;
  start();
  put(spec);
  append(2, {"new"});

  ASSERT_TRUE(wait_delivered(2, 2));

  EXPECT_THAT(all_records(), ElementsAre("new"));
}

TEST_F(ReshardingTest, TrimHorizonAfterAReshardBeginsWithTheOldestShards) {
  answer_all();
  append(0, {"parent"});
  split(0);
  append(2, {"child"});
  split(2);
  append(4, {"grandchild"});
  start();
  put(trigger_spec("orders", "f"));

  ASSERT_TRUE(wait_delivered(4, 1));

  EXPECT_THAT(all_records(), ElementsAre("parent", "child", "grandchild"));
}

TEST_F(ReshardingTest, TrimHorizonBeginsWithTheOldestThatHaveNotExpired) {
  answer_all();
  append(0, {"parent"});
  split(0);
  clock_.forward(std::chrono::hours(25));
  append(2, {"child"});
  start();
  put(trigger_spec("orders", "f"));

  ASSERT_TRUE(wait_delivered(2, 1));

  EXPECT_THAT(all_records(), ElementsAre("child"));
  EXPECT_TRUE(deliveries_->delivered("orders", {{0, 1}})) << "nothing of it is left to handle";
}

TEST_F(ReshardingTest, ARestartGoesOnWithTheParentBeforeTheChildren) {
  auto spec = trigger_spec("orders", "f");
  spec.batch_size = 1;
  append(0, {"1", "2"});
  start();
  put(spec);
  functions_.call(0).done(done());
  functions_.call(1);  // never answered
  split(0);
  append(2, {"3"});
  ASSERT_TRUE(wait_delivered(0, 1));

  restart();
  answer_all();
  put(spec);
  ASSERT_TRUE(wait_delivered(2, 1));

  EXPECT_THAT(all_records(), ElementsAre("1", "2", "2", "3"));
}

TEST_F(ReshardingTest, ARestartDoesNotRepeatAParentThatWasHandled) {
  answer_all();
  append(0, {"1"});
  start();
  put(trigger_spec("orders", "f"));
  split(0);
  append(2, {"2"});
  ASSERT_TRUE(wait_delivered(2, 1));

  restart();
  put(trigger_spec("orders", "f"));
  EXPECT_TRUE(deliveries_->delivered("orders", {{0, 1}, {2, 1}})) << "at once";
  append(2, {"3"});
  ASSERT_TRUE(wait_delivered(2, 2));

  EXPECT_THAT(all_records(), ElementsAre("1", "2", "3"));
}

TEST_F(ReshardingTest, CheckpointsOfExpiredShardsGoAndNothingIsTakenForNew) {
  answer_all();
  auto spec = trigger_spec("orders", "f");
  spec.start = TriggerSpec::Start::latest;
  start();
  put(spec);
  deliveries_.reset();
  // All shards that the trigger knows expire while it is away.
  merge(0, 1);
  append(2, {"old"});
  split(2);
  clock_.forward(std::chrono::hours(25));
  append(3, {"new"});

  start();
  put(spec);

  ASSERT_TRUE(wait_delivered(3, 1));
  EXPECT_THAT(all_records(), ElementsAre("new"));
}

TEST_F(ReshardingTest, ABatchThatIsParkedLetsTheChildrenBegin) {
  functions_.answer_with(
      [](const Seen& seen) { return seen.shard == 0 ? function_error() : done(); });
  auto spec = trigger_spec("orders", "f");
  spec.attempts_max = 2;
  append(0, {"poison"});
  split(0);
  append(2, {"fine"});
  start();
  put(spec);

  ASSERT_TRUE(wait_delivered(2, 1));

  auto parked = deliveries_->parked().value();
  ASSERT_THAT(parked, SizeIs(1));
  EXPECT_EQ(parked[0].shard, 0u);
  EXPECT_EQ(status().parked, 1u);
}

TEST_F(ReshardingTest, ARemovedTriggerStaysAwayFromTheChildren) {
  append(0, {"1"});
  start();
  put(trigger_spec("orders", "f"));
  auto call = functions_.call(0);
  split(0);
  append(2, {"2"});

  ASSERT_TRUE(deliveries_->remove(trigger_spec("orders", "f").id));
  call.done(done());
  // Its place is taken by one that sees all there is.
  put(trigger_spec("orders", "g"));

  EXPECT_EQ(functions_.call(1).seen.function, "g");
  EXPECT_EQ(functions_.call(1).seen.data, (std::vector<std::string>{"1"}));
}

}  // namespace
}  // namespace tailrace::delivery
