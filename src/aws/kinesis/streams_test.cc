#include "aws/kinesis/control_fixture.h"

namespace tailrace::aws::kinesis {
namespace {

using namespace std::chrono_literals;

class StreamActions : public ControlTest {};

TEST_F(StreamActions, AStreamIsActiveWhenItsCreationReturns) {
  create("orders", 3);
  Json description = must("DescribeStream", {{"StreamName", "orders"}})["StreamDescription"];
  EXPECT_EQ(description["StreamName"], "orders");
  EXPECT_EQ(description["StreamARN"], "arn:aws:kinesis:us-east-1:000000000000:stream/orders");
  EXPECT_EQ(description["StreamStatus"], "ACTIVE");
  EXPECT_EQ(description["StreamModeDetails"]["StreamMode"], "PROVISIONED");
  EXPECT_EQ(description["RetentionPeriodHours"], 24);
  EXPECT_EQ(description["EncryptionType"], "NONE");
  EXPECT_FALSE(description.contains("KeyId"));
  EXPECT_EQ(description["StreamCreationTimestamp"], 1700000000);
  EXPECT_EQ(description["EnhancedMonitoring"], Json::parse(R"([{"ShardLevelMetrics":[]}])"));
  EXPECT_EQ(description["HasMoreShards"], false);
  ASSERT_EQ(description["Shards"].size(), 3u);
  Json shard = description["Shards"][1];
  EXPECT_EQ(shard["ShardId"], "shardId-000000000001");
  EXPECT_EQ(shard["HashKeyRange"]["StartingHashKey"], "113427455640312821154458202477256070485");
  EXPECT_EQ(shard["HashKeyRange"]["EndingHashKey"], "226854911280625642308916404954512140969");
  EXPECT_EQ(shard["SequenceNumberRange"]["StartingSequenceNumber"],
            "49646437577130777162115407028967465143858078037781250066");
  EXPECT_FALSE(shard["SequenceNumberRange"].contains("EndingSequenceNumber"));
  EXPECT_FALSE(shard.contains("ParentShardId"));
}

TEST_F(StreamActions, TheSummaryTellsCountsAndLimits) {
  must("CreateStream", {{"StreamName", "orders"},
                        {"ShardCount", 2},
                        {"MaxRecordSizeInKiB", 2048},
                        {"Tags", {{"team", "a"}}}});
  Json summary = describe("orders");
  EXPECT_EQ(summary["OpenShardCount"], 2);
  EXPECT_EQ(summary["ConsumerCount"], 0);
  EXPECT_EQ(summary["MaxRecordSizeInKiB"], 2048);
  EXPECT_EQ(summary["WarmThroughput"], Json::parse(R"({"TargetMiBps":0,"CurrentMiBps":0})"));
  EXPECT_FALSE(summary.contains("Shards"));
  EXPECT_EQ(must("ListTagsForStream", {{"StreamName", "orders"}})["Tags"],
            Json::parse(R"([{"Key":"team","Value":"a"}])"));
}

TEST_F(StreamActions, WithoutCountAndModeAStreamIsOnDemandWithFourShards) {
  must("CreateStream", {{"StreamName", "a"}});
  EXPECT_EQ(describe("a")["StreamModeDetails"]["StreamMode"], "ON_DEMAND");
  EXPECT_EQ(describe("a")["OpenShardCount"], 4);
}

TEST_F(StreamActions, ANameIsTakenOnce) {
  create("orders");
  expect_failure("CreateStream", {{"StreamName", "orders"}, {"ShardCount", 1}},
                 "ResourceInUseException",
                 "Stream orders under account 000000000000 already exists.");
}

TEST_F(StreamActions, WhatCannotBeCreatedIsRefused) {
  expect_failure(
      "CreateStream", {{"StreamName", "a"}, {"StreamModeDetails", {{"StreamMode", "PROVISIONED"}}}},
      "ValidationException", "ShardCount must be given for a stream in PROVISIONED mode.");
  expect_failure("CreateStream", {{"StreamName", "a"}, {"ShardCount", 0}}, "ValidationException",
                 "1 validation error detected: Value '0' at 'shardCount' failed to satisfy "
                 "constraint: Member must have value greater than or equal to 1");
  EXPECT_EQ(ask("CreateStream", {{"StreamName", "a"}, {"ShardCount", 100000}}).type(),
            "LimitExceededException");
  EXPECT_EQ(
      ask("CreateStream", {{"StreamName", "a"}, {"RecordDistributionStrategy", "AUTO"}}).type(),
      "InvalidArgumentException");
  EXPECT_EQ(
      ask("CreateStream", {{"StreamName", "a"}, {"ShardCount", 1}, {"Tags", {{"a", "!"}}}}).type(),
      "InvalidArgumentException");
  EXPECT_EQ(must("ListStreams", Json::object())["StreamNames"], Json::array());
}

TEST_F(StreamActions, ADeletedStreamIsGoneAndItsNameFree) {
  create("orders");
  must("DeleteStream", {{"StreamARN", arn("orders")}});
  expect_failure("DescribeStreamSummary", {{"StreamName", "orders"}}, "ResourceNotFoundException",
                 "Stream orders under account 000000000000 not found.");
  create("orders", 2);
  EXPECT_EQ(describe("orders")["OpenShardCount"], 2);
}

TEST_F(StreamActions, AStreamWithConsumersIsDeletedWhenThatIsEnforced) {
  create("orders");
  must("RegisterStreamConsumer", {{"StreamARN", arn("orders")}, {"ConsumerName", "c"}});
  EXPECT_EQ(ask("DeleteStream", {{"StreamName", "orders"}}).type(), "ResourceInUseException");
  must("DeleteStream", {{"StreamName", "orders"}, {"EnforceConsumerDeletion", true}});
}

TEST_F(StreamActions, AStreamIsNamedByNameOrArnOrBoth) {
  create("orders");
  must("DescribeStreamSummary", {{"StreamARN", arn("orders")}});
  must("DescribeStreamSummary", {{"StreamARN", arn("orders")}, {"StreamName", "orders"}});
  must("DescribeStreamSummary",
       {{"StreamName", "orders"}, {"StreamId", "abcdefghijklmnopqrst-123"}});
  expect_failure("DescribeStreamSummary", Json::object(), "InvalidArgumentException",
                 "Either StreamName or StreamARN must be provided.");
  EXPECT_EQ(
      ask("DescribeStreamSummary", {{"StreamARN", arn("orders")}, {"StreamName", "a"}}).type(),
      "InvalidArgumentException");
  EXPECT_EQ(ask("DescribeStreamSummary",
                {{"StreamARN", "arn:aws:kinesis:us-east-1:123456789012:stream/orders"}})
                .type(),
            "ResourceNotFoundException");
  EXPECT_EQ(ask("DescribeStreamSummary",
                {{"StreamARN", "arn:aws:kinesis:eu-west-1:000000000000:stream/orders"}})
                .type(),
            "ResourceNotFoundException");
}

TEST_F(StreamActions, DescribeStreamGivesShardsPageByPage) {
  create("orders", 120);
  Json first = must("DescribeStream", {{"StreamName", "orders"}})["StreamDescription"];
  EXPECT_EQ(first["Shards"].size(), 100u);
  EXPECT_EQ(first["HasMoreShards"], true);
  Json last = must("DescribeStream", {{"StreamName", "orders"},
                                      {"ExclusiveStartShardId", "shardId-99"},
                                      {"Limit", 10000}})["StreamDescription"];
  EXPECT_EQ(last["Shards"].size(), 20u);
  EXPECT_EQ(last["Shards"][0]["ShardId"], "shardId-000000000100");
  EXPECT_EQ(last["HasMoreShards"], false);
}

TEST_F(StreamActions, StreamsAreListedByNamePageByPage) {
  for (const char* name : {"b", "a", "c"}) create(name);
  Json page = must("ListStreams", {{"Limit", 2}});
  EXPECT_EQ(page["StreamNames"], Json::parse(R"(["a","b"])"));
  EXPECT_EQ(page["HasMoreStreams"], true);
  EXPECT_EQ(page["StreamSummaries"][0]["StreamARN"], arn("a"));
  EXPECT_EQ(page["StreamSummaries"][0]["StreamStatus"], "ACTIVE");
  Json rest = must("ListStreams", {{"NextToken", page["NextToken"]}});
  EXPECT_EQ(rest["StreamNames"], Json::parse(R"(["c"])"));
  EXPECT_EQ(rest["HasMoreStreams"], false);
  EXPECT_FALSE(rest.contains("NextToken"));
  EXPECT_EQ(must("ListStreams", {{"ExclusiveStartStreamName", "a"}})["StreamNames"],
            Json::parse(R"(["b","c"])"));

  clock_.step(301s);
  EXPECT_EQ(ask("ListStreams", {{"NextToken", page["NextToken"]}}).type(),
            "ExpiredNextTokenException");
  EXPECT_EQ(ask("ListStreams", {{"NextToken", "bm90IG9uZQ=="}}).type(), "InvalidArgumentException");
}

TEST_F(StreamActions, TheModeMayBeSetToWhatItIs) {
  create("orders");
  for (const char* mode : {"PROVISIONED", "ON_DEMAND", "ON_DEMAND"}) {
    must("UpdateStreamMode",
         {{"StreamARN", arn("orders")}, {"StreamModeDetails", {{"StreamMode", mode}}}});
    EXPECT_EQ(describe("orders")["StreamModeDetails"]["StreamMode"], mode);
  }
  EXPECT_EQ(describe("orders")["OpenShardCount"], 1);
}

TEST_F(StreamActions, TheRecordSizeHasLimits) {
  create("orders");
  must("UpdateMaxRecordSize", {{"StreamARN", arn("orders")}, {"MaxRecordSizeInKiB", 10240}});
  EXPECT_EQ(describe("orders")["MaxRecordSizeInKiB"], 10240);
  EXPECT_EQ(
      ask("UpdateMaxRecordSize", {{"StreamARN", arn("orders")}, {"MaxRecordSizeInKiB", 10241}})
          .type(),
      "ValidationException");
}

TEST_F(StreamActions, AWarmThroughputNeedsOnDemandModeAndTheCommitment) {
  must("CreateStream", {{"StreamName", "a"}});
  create("b");
  Json wanted = {{"StreamName", "a"}, {"WarmThroughputMiBps", 100}};
  EXPECT_EQ(ask("UpdateStreamWarmThroughput", wanted).type(), "ValidationException");
  must("UpdateAccountSettings", {{"MinimumThroughputBillingCommitment", {{"Status", "ENABLED"}}}});
  Json warmed = must("UpdateStreamWarmThroughput", wanted);
  EXPECT_EQ(warmed["StreamName"], "a");
  EXPECT_EQ(warmed["WarmThroughput"], Json::parse(R"({"TargetMiBps":100,"CurrentMiBps":100})"));
  wanted["StreamName"] = "b";
  EXPECT_EQ(ask("UpdateStreamWarmThroughput", wanted).type(), "ValidationException");
}

// Each has been seen to be answered by its own name.
TEST_F(StreamActions, EveryActionOfTheModelIsServed) {
  for (const Action& action : actions()) {
    Answer answer = ask(std::string(action.name), {{"StreamName", "missing"}});
    EXPECT_NE(answer.type(), "UnknownOperationException") << action.name;
  }
  EXPECT_EQ(actions().size(), 39u);
}

TEST_F(StreamActions, ADryRunChangesNothing) {
  expect_failure(
      "PutRecord", {{"StreamName", "a"}, {"Data", ""}, {"PartitionKey", "k"}, {"DryRun", true}},
      "DryRunOperationException", "The request was not carried out because DryRun was specified.");
}

}  // namespace
}  // namespace tailrace::aws::kinesis
