#include "aws/kinesis/control_fixture.h"

namespace tailrace::aws::kinesis {
namespace {

using namespace std::chrono_literals;
using Numbers = std::vector<int>;

class ShardActions : public ControlTest {
 protected:
  // Shard 0 of one becomes 1 and 2, a minute after the stream was made.
  double make_split_stream() {
    create("orders");
    clock_.step(60s);
    double split_at = now();
    must("SplitShard", {{"StreamName", "orders"},
                        {"ShardToSplit", "shardId-000000000000"},
                        {"NewStartingHashKey", "1000"}});
    clock_.step(60s);
    return split_at;
  }
  Numbers filtered(Json filter) {
    return listed({{"StreamName", "orders"}, {"ShardFilter", std::move(filter)}});
  }
};

TEST_F(ShardActions, ASplitClosesTheParentAndNamesItInItsChildren) {
  make_split_stream();
  Json shards = must("ListShards", {{"StreamName", "orders"}})["Shards"];
  ASSERT_EQ(shards.size(), 3u);
  EXPECT_TRUE(shards[0]["SequenceNumberRange"].contains("EndingSequenceNumber"));
  for (int child : {1, 2}) {
    EXPECT_EQ(shards[child]["ParentShardId"], "shardId-000000000000");
    EXPECT_FALSE(shards[child].contains("AdjacentParentShardId"));
    EXPECT_FALSE(shards[child]["SequenceNumberRange"].contains("EndingSequenceNumber"));
  }
  EXPECT_EQ(shards[1]["HashKeyRange"]["EndingHashKey"], "999");
  EXPECT_EQ(shards[2]["HashKeyRange"]["StartingHashKey"], "1000");
}

TEST_F(ShardActions, AMergeNamesBothParentsInTheOrderGiven) {
  create("orders", 2);
  must("MergeShards",
       {{"StreamName", "orders"}, {"ShardToMerge", "shardId-0"}, {"AdjacentShardToMerge", "1"}});
  Json child = must("ListShards", {{"StreamName", "orders"}})["Shards"][2];
  EXPECT_EQ(child["ParentShardId"], "shardId-000000000000");
  EXPECT_EQ(child["AdjacentParentShardId"], "shardId-000000000001");
}

TEST_F(ShardActions, WhatCannotBeSplitOrMergedIsRefused) {
  create("orders", 2);
  auto split = [](const std::string& shard, const std::string& key) {
    return Json{{"StreamName", "orders"}, {"ShardToSplit", shard}, {"NewStartingHashKey", key}};
  };
  expect_failure(
      "SplitShard", split("shardId-000000000000", "1"), "InvalidArgumentException",
      "NewStartingHashKey 1 used in SplitShard() on shard shardId-000000000000 in stream "
      "orders under account 000000000000 is not both greater than one plus the shard's "
      "StartingHashKey 0 and less than the shard's EndingHashKey "
      "170141183460469231731687303715884105727.");
  EXPECT_EQ(ask("SplitShard", split("0", std::string(39, '9'))).type(), "InvalidArgumentException");
  expect_failure("SplitShard", split("shardId-x", "10"), "ResourceNotFoundException",
                 "Could not find shard shardId-x in stream orders under account 000000000000.");
  expect_failure("SplitShard", split("shardId-7", "10"), "ResourceNotFoundException",
                 "Could not find shard shardId-000000000007 in stream orders under account "
                 "000000000000.");
  expect_failure("MergeShards",
                 {{"StreamName", "orders"},
                  {"ShardToMerge", "shardId-000000000001"},
                  {"AdjacentShardToMerge", "shardId-000000000000"}},
                 "InvalidArgumentException",
                 "Shards shardId-000000000001 and shardId-000000000000 in stream orders under "
                 "account 000000000000 are not an adjacent pair of shards eligible for merging");
}

TEST_F(ShardActions, TheShardsOfAnOnDemandStreamAreNotForItsOwner) {
  must("CreateStream", {{"StreamName", "orders"}});
  const std::string text =
      "Request is invalid. Stream orders under account 000000000000 is in On-Demand mode.";
  expect_failure(
      "UpdateShardCount",
      {{"StreamName", "orders"}, {"TargetShardCount", 2}, {"ScalingType", "UNIFORM_SCALING"}},
      "ValidationException", text);
  expect_failure("SplitShard",
                 {{"StreamName", "orders"}, {"ShardToSplit", "0"}, {"NewStartingHashKey", "100"}},
                 "ValidationException", text);
  expect_failure("MergeShards",
                 {{"StreamName", "orders"}, {"ShardToMerge", "0"}, {"AdjacentShardToMerge", "1"}},
                 "ValidationException", text);
}

TEST_F(ShardActions, UpdateShardCountGivesEveryNewShardParents) {
  create("orders", 2);
  Json counts = must(
      "UpdateShardCount",
      {{"StreamARN", arn("orders")}, {"TargetShardCount", 3}, {"ScalingType", "UNIFORM_SCALING"}});
  EXPECT_EQ(counts["CurrentShardCount"], 2);
  EXPECT_EQ(counts["TargetShardCount"], 3);
  EXPECT_EQ(counts["StreamName"], "orders");
  EXPECT_EQ(describe("orders")["OpenShardCount"], 3);
  Json shards = must("ListShards", {{"StreamName", "orders"}})["Shards"];
  for (std::size_t i = 2; i < shards.size(); ++i) EXPECT_TRUE(shards[i].contains("ParentShardId"));
}

TEST_F(ShardActions, StreamsWithTheLimitsOfAwsAtMostDoubleOrHalve) {
  create("orders", 2);
  set_aws_limits("orders");
  auto count = [](int target) {
    return Json{
        {"StreamName", "orders"}, {"TargetShardCount", target}, {"ScalingType", "UNIFORM_SCALING"}};
  };
  expect_failure("UpdateShardCount", count(5), "InvalidArgumentException",
                 "UpdateShardCount cannot scale up over double your current open shard count. "
                 "Current open shard count: 2 Target shard count: 5");
  must("UpdateShardCount", count(4));
  EXPECT_EQ(ask("UpdateShardCount", count(1)).type(), "InvalidArgumentException");
}

TEST_F(ShardActions, FiltersChooseByTime) {
  double split_at = make_split_stream();
  EXPECT_EQ(filtered({{"Type", "FROM_TRIM_HORIZON"}}), (Numbers{0, 1, 2}));
  EXPECT_EQ(filtered({{"Type", "AT_TRIM_HORIZON"}}), (Numbers{0}));
  EXPECT_EQ(filtered({{"Type", "AT_LATEST"}}), (Numbers{1, 2}));
  EXPECT_EQ(filtered({{"Type", "AT_TIMESTAMP"}, {"Timestamp", split_at - 1}}), (Numbers{0}));
  EXPECT_EQ(filtered({{"Type", "AT_TIMESTAMP"}, {"Timestamp", split_at + 0.001}}), (Numbers{1, 2}));
  // Before the stream there was nothing; its beginning is meant.
  EXPECT_EQ(filtered({{"Type", "AT_TIMESTAMP"}, {"Timestamp", 1}}), (Numbers{0}));
  EXPECT_EQ(filtered({{"Type", "FROM_TIMESTAMP"}, {"Timestamp", split_at - 1}}),
            (Numbers{0, 1, 2}));
  EXPECT_EQ(filtered({{"Type", "FROM_TIMESTAMP"}, {"Timestamp", split_at + 1}}), (Numbers{1, 2}));
  EXPECT_EQ(filtered({{"Type", "AFTER_SHARD_ID"}, {"ShardId", "shardId-000000000001"}}),
            (Numbers{2}));
}

TEST_F(ShardActions, AnExpiredShardIsListedNoMore) {
  make_split_stream();
  clock_.step(25h);
  EXPECT_EQ(listed({{"StreamName", "orders"}}), (Numbers{1, 2}));
  EXPECT_EQ(filtered({{"Type", "AT_TRIM_HORIZON"}}), (Numbers{1, 2}));
}

TEST_F(ShardActions, MembersOfAFilterFitItsType) {
  create("orders");
  for (Json filter : {Json{{"Type", "AFTER_SHARD_ID"}}, Json{{"Type", "AT_TIMESTAMP"}},
                      Json{{"Type", "AT_LATEST"}, {"ShardId", "shardId-0"}},
                      Json{{"Type", "FROM_TRIM_HORIZON"}, {"Timestamp", 1}}})
    EXPECT_EQ(ask("ListShards", {{"StreamName", "orders"}, {"ShardFilter", filter}}).type(),
              "InvalidArgumentException")
        << filter;
}

TEST_F(ShardActions, PagesContinueWithTheTokenAlone) {
  create("orders", 5);
  Json page =
      must("ListShards",
           {{"StreamName", "orders"}, {"MaxResults", 2}, {"ShardFilter", {{"Type", "AT_LATEST"}}}});
  EXPECT_EQ(page["Shards"].size(), 2u);
  EXPECT_EQ(listed({{"NextToken", page["NextToken"]}}), (Numbers{2, 3, 4}));
  Json next = must("ListShards", {{"NextToken", page["NextToken"]}, {"MaxResults", 3}});
  EXPECT_FALSE(next.contains("NextToken"));
}

// As botocore's paginator and Terraform do it.
TEST_F(ShardActions, ATokenMayComeWithWhatItWasMadeFrom) {
  create("orders", 5);
  create("other");
  Json request = {{"StreamName", "orders"},
                  {"MaxResults", 2},
                  {"ExclusiveStartShardId", "shardId-0"},
                  {"ShardFilter", {{"Type", "AT_LATEST"}}}};
  Json repeated = request;
  repeated["NextToken"] = must("ListShards", request)["NextToken"];
  EXPECT_EQ(listed(repeated), (Numbers{3, 4}));
  repeated["StreamName"] = "other";
  expect_failure("ListShards", repeated, "InvalidArgumentException",
                 "NextToken and StreamName cannot be provided together.");
  repeated["StreamName"] = "orders";
  repeated["ShardFilter"]["Type"] = "FROM_TRIM_HORIZON";
  EXPECT_EQ(ask("ListShards", repeated).type(), "InvalidArgumentException");
}

TEST_F(ShardActions, ATokenIsGoodForItsStreamAndForFiveMinutes) {
  create("orders", 3);
  expect_failure("ListShards", Json::object(), "InvalidArgumentException",
                 "Either NextToken or StreamName should be provided.");
  Json token = must("ListShards", {{"StreamName", "orders"}, {"MaxResults", 1}})["NextToken"];
  must("DeleteStream", {{"StreamName", "orders"}});
  EXPECT_EQ(ask("ListShards", {{"NextToken", token}}).type(), "ResourceNotFoundException");
  create("orders", 3);
  EXPECT_EQ(ask("ListShards", {{"NextToken", token}}).type(), "InvalidArgumentException");
  clock_.step(301s);
  EXPECT_EQ(ask("ListShards", {{"NextToken", token}}).type(), "ExpiredNextTokenException");
  EXPECT_EQ(ask("ListShards", {{"NextToken", "!"}}).type(), "InvalidArgumentException");
}

TEST_F(ShardActions, TheCreationTimeTellsStreamsOfOneNameApart) {
  create("orders");
  EXPECT_EQ(listed({{"StreamName", "orders"}, {"StreamCreationTimestamp", 1700000000}}),
            (Numbers{0}));
  EXPECT_EQ(
      ask("ListShards", {{"StreamName", "orders"}, {"StreamCreationTimestamp", 1600000000}}).type(),
      "ResourceNotFoundException");
}

}  // namespace
}  // namespace tailrace::aws::kinesis
