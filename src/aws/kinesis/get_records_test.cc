#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/kinesis/data_plane_fixture.h"
#include "aws/kinesis/position.h"

namespace tailrace::aws::kinesis {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

using GetShardIteratorTest = testing::DataPlaneFixture;

TEST_F(GetShardIteratorTest, AtAndAfterANumberNeedNoRecordWithIt) {
  auto first = put("one")["SequenceNumber"];
  put("two");
  auto from = [&](const std::string& type, const Json& number) {
    return data_of(get(iterator(type, {{"StartingSequenceNumber", number}})));
  };
  EXPECT_THAT(from("AT_SEQUENCE_NUMBER", first), ElementsAre("one", "two"));
  EXPECT_THAT(from("AFTER_SEQUENCE_NUMBER", first), ElementsAre("two"));
  auto shard = *orders->shard(0);
  auto start = stream::starting_sequence_number(shard);
  EXPECT_THAT(from("AT_SEQUENCE_NUMBER", start), ElementsAre("one", "two"));
  EXPECT_THAT(from("AFTER_SEQUENCE_NUMBER", start), ElementsAre("one", "two"));
  EXPECT_THAT(from("AFTER_SEQUENCE_NUMBER", continuation_number(shard, 1, ms())),
              ElementsAre("two"));
  EXPECT_THAT(from("AFTER_SEQUENCE_NUMBER", continuation_number(shard, 2, ms())), IsEmpty());
}

TEST_F(GetShardIteratorTest, LatestIsPinnedWhenTheCallReturns) {
  put("before");
  auto latest = iterator("LATEST");
  put("after");
  EXPECT_THAT(data_of(get(latest)), ElementsAre("after"));
  EXPECT_THAT(data_of(get(latest)), ElementsAre("after")) << "asked again";
}

TEST_F(GetShardIteratorTest, ATimestampFindsTheFirstRecordThatArrivedThen) {
  put("one");
  clock.pass(1500ms);
  auto then = ms();
  put("two");
  clock.pass(1s);
  auto at = [&](std::int64_t time) {
    return data_of(
        get(iterator("AT_TIMESTAMP", {{"Timestamp", static_cast<double>(time) / 1000}})));
  };
  EXPECT_THAT(at(then), ElementsAre("two"));
  EXPECT_THAT(at(then - 1500), ElementsAre("one", "two"));
  EXPECT_THAT(at(0), ElementsAre("one", "two"));
  EXPECT_THAT(at(then + 1), IsEmpty());
}

TEST_F(GetShardIteratorTest, WhatDoesNotFitIsRefusedInAwsWords) {
  auto refused = [&](const std::string& type, Json more, const std::string& shard = "shardId-0") {
    Json input = {{"StreamName", "orders"}, {"ShardId", shard}, {"ShardIteratorType", type}};
    input.update(more);
    return failure("GetShardIterator", input);
  };
  auto number = put("one")["SequenceNumber"];
  EXPECT_EQ(refused("LATEST", {{"StartingSequenceNumber", number}}),
            "InvalidArgumentException: Must either specify (1) AT_SEQUENCE_NUMBER or "
            "AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no "
            "StartingSequenceNumber. Request specified LATEST and also a StartingSequenceNumber.");
  EXPECT_THAT(refused("AT_SEQUENCE_NUMBER", Json::object()),
              HasSubstr("Request specified AT_SEQUENCE_NUMBER and no StartingSequenceNumber."));
  EXPECT_EQ(refused("AT_SEQUENCE_NUMBER", {{"StartingSequenceNumber", number}}, "shardId-1"),
            "InvalidArgumentException: Invalid StartingSequenceNumber. It encodes "
            "shardId-000000000000, while it was used in a call to a shard with "
            "shardId-000000000001");
  EXPECT_THAT(refused("AT_SEQUENCE_NUMBER",
                      {{"StartingSequenceNumber", to_string(SequenceNumber{7, 0, 1, 8})}}),
              HasSubstr("because it did not come from this stream."));
  EXPECT_THAT(refused("AT_SEQUENCE_NUMBER", {{"StartingSequenceNumber", "5"}}),
              HasSubstr("StartingSequenceNumber 5 used in GetShardIterator on shard "
                        "shardId-000000000000 in stream orders under account 000000000000 is "
                        "invalid."));
  EXPECT_THAT(refused("AT_TIMESTAMP", Json::object()), HasSubstr("no timestamp parameter"));
  EXPECT_THAT(refused("AT_TIMESTAMP", {{"Timestamp", 1'700'000'001}}),
              HasSubstr("cannot be greater than the currentTimestampInMillis"));
  EXPECT_EQ(refused("LATEST", Json::object(), "shardId-7"),
            "ResourceNotFoundException: Shard shardId-000000000007 in stream orders under account "
            "000000000000 does not exist");
}

class GetRecordsTest : public testing::DataPlaneFixture {
 protected:
  static http::Headers waits(const std::string& ms) { return {{"x-tailrace-wait-ms", ms}}; }
};

TEST_F(GetRecordsTest, AnIteratorLeadsOnAndIsNeverTheOneBefore) {
  put("one");
  put("two");
  put("three");
  auto start = iterator("TRIM_HORIZON");
  auto first = get(start, {{"Limit", 2}});
  EXPECT_THAT(data_of(first), ElementsAre("one", "two"));
  EXPECT_FALSE(first.contains("ChildShards"));
  auto second = get(first["NextShardIterator"]);
  EXPECT_THAT(data_of(second), ElementsAre("three"));
  auto third = get(second["NextShardIterator"]);
  EXPECT_THAT(data_of(third), IsEmpty());
  EXPECT_NE(third["NextShardIterator"], second["NextShardIterator"]);
  EXPECT_THAT(data_of(get(start, {{"Limit", 2}})), ElementsAre("one", "two")) << "a retry";
}

TEST_F(GetRecordsTest, ARecordHasAllItsParts) {
  clock.pass(480ms);
  auto number = put("data")["SequenceNumber"];
  auto record = get(iterator("TRIM_HORIZON"))["Records"][0];
  EXPECT_EQ(record, (Json{{"SequenceNumber", number},
                          {"ApproximateArrivalTimestamp", 1'700'000'000.48},
                          {"Data", base64("data")},
                          {"PartitionKey", "a"}}));
}

TEST_F(GetRecordsTest, MillisBehindLatestIsTheAgeOfWhereTheReaderStands) {
  put("one");
  clock.pass(700ms);
  put("two");
  clock.pass(300ms);
  auto first = get(iterator("TRIM_HORIZON"), {{"Limit", 1}});
  EXPECT_EQ(first["MillisBehindLatest"], 1000);
  EXPECT_EQ(get(first["NextShardIterator"])["MillisBehindLatest"], 0);
}

TEST_F(GetRecordsTest, AnAnswerHoldsTenMebibytesAtMost) {
  change([](stream::StreamSpec& spec) { spec.max_record_kib = 10240; });
  for (int i = 0; i < 3; ++i) put(std::string(4 << 20, 'x'));
  auto first = get(iterator("TRIM_HORIZON"));
  EXPECT_EQ(first["Records"].size(), 2u);
  EXPECT_EQ(get(first["NextShardIterator"])["Records"].size(), 1u);
}

TEST_F(GetRecordsTest, TheEndOfAClosedShardNamesItsChildrenAndHasNoIterator) {
  put("last");
  auto start = iterator("TRIM_HORIZON");
  split_first_shard();
  auto end = get(start);
  EXPECT_THAT(data_of(end), ElementsAre("last"));
  EXPECT_FALSE(end.contains("NextShardIterator"));
  EXPECT_EQ(end["MillisBehindLatest"], 0);
  ASSERT_EQ(end["ChildShards"].size(), 2u);
  EXPECT_EQ(end["ChildShards"][0]["ShardId"], "shardId-000000000002");
  EXPECT_EQ(end["ChildShards"][0]["ParentShards"], (Json{"shardId-000000000000"}));
  EXPECT_EQ(end["ChildShards"][0]["HashKeyRange"]["StartingHashKey"], "0");
}

TEST_F(GetRecordsTest, AClosedShardIsDrainedBeforeItEnds) {
  put("one");
  put("two");
  auto start = iterator("TRIM_HORIZON");
  split_first_shard();
  auto first = get(start, {{"Limit", 1}});
  EXPECT_TRUE(first.contains("NextShardIterator"));
  EXPECT_FALSE(first.contains("ChildShards"));
  EXPECT_TRUE(get(first["NextShardIterator"]).contains("ChildShards"));
  EXPECT_TRUE(get(iterator("LATEST")).contains("ChildShards")) << "LATEST ends at once";
}

TEST_F(GetRecordsTest, AnIteratorLivesFiveMinutes) {
  auto start = iterator("TRIM_HORIZON");
  clock.pass(5min);
  get(start);
  clock.pass(1ms);
  EXPECT_EQ(failure("GetRecords", {{"ShardIterator", start}}),
            "ExpiredIteratorException: Iterator expired. The iterator was created at time Tue Nov "
            "14 22:13:20 UTC 2023 while right now it is Tue Nov 14 22:18:20 UTC 2023 which is "
            "further in the future than the tolerated delay of 300000 milliseconds.");
}

TEST_F(GetRecordsTest, WhatTheRetentionTookIsSkipped) {
  put("old");
  clock.pass(24h + 1s);
  put("new");
  EXPECT_THAT(data_of(get(iterator("TRIM_HORIZON"))), ElementsAre("new"));
}

TEST_F(GetRecordsTest, WrongIteratorsAreRefused) {
  EXPECT_EQ(failure("GetRecords", {{"ShardIterator", "x"}}),
            "InvalidArgumentException: Invalid ShardIterator.");
  auto start = iterator("TRIM_HORIZON");
  EXPECT_THAT(
      failure("GetRecords", {{"ShardIterator", start},
                             {"StreamARN", "arn:aws:kinesis:us-east-1:000000000000:stream/other"}}),
      StartsWith("InvalidArgumentException"));
  auto other = plane.iterators.seal(
      {.stream = "orders", .incarnation = 0xabd, .shard = 0, .offset = 0, .issued_ms = ms()});
  EXPECT_EQ(failure("GetRecords", {{"ShardIterator", other}}),
            "ResourceNotFoundException: Shard shardId-000000000000 in stream orders under account "
            "000000000000 does not exist");
}

TEST_F(GetRecordsTest, WithAwsLimitsTheSixthReadOfASecondIsRefused) {
  change([](stream::StreamSpec& spec) { spec.aws_limits = true; });
  auto start = iterator("TRIM_HORIZON");
  for (int i = 0; i < 5; ++i) get(start);
  EXPECT_THAT(failure("GetRecords", {{"ShardIterator", start}}),
              StartsWith("ProvisionedThroughputExceededException: Rate exceeded for shard "
                         "shardId-000000000000"));
}

TEST_F(GetShardIteratorTest, WithAwsLimitsAShardThatIsNotThereIsNotFoundHoweverOften) {
  change([](stream::StreamSpec& spec) { spec.aws_limits = true; });
  for (int i = 0; i < 6; ++i)
    EXPECT_THAT(failure("GetShardIterator", {{"StreamName", "orders"},
                                             {"ShardId", "shardId-9"},
                                             {"ShardIteratorType", "LATEST"}}),
                StartsWith("ResourceNotFoundException: Shard shardId-000000000009"));
}

TEST_F(GetRecordsTest, AReaderThatWaitsIsWokenByARecord) {
  auto responder = begin("GetRecords", {{"ShardIterator", iterator("LATEST")}}, waits("20000"));
  EXPECT_FALSE(responder->answered());
  put("other", "b");
  EXPECT_FALSE(responder->answered()) << "of another shard";
  put("woken");
  EXPECT_THAT(data_of(Json::parse(responder->response().body)), ElementsAre("woken"));
}

TEST_F(GetRecordsTest, AReaderThatWaitsIsAnsweredWhenItsTimeIsOverOrTheShardEnds) {
  auto late = begin("GetRecords", {{"ShardIterator", iterator("LATEST")}}, waits("99999"));
  timers.pass(19'999ms);
  EXPECT_FALSE(late->answered());
  timers.pass(1ms);
  EXPECT_TRUE(Json::parse(late->response().body).contains("NextShardIterator"));

  auto ending = begin("GetRecords", {{"ShardIterator", iterator("LATEST")}}, waits("20000"));
  split_first_shard();
  EXPECT_TRUE(Json::parse(ending->response().body).contains("ChildShards"));
}

TEST_F(GetRecordsTest, AReaderThatWaitsIsAnsweredWhenTheServerStops) {
  auto responder = begin("GetRecords", {{"ShardIterator", iterator("LATEST")}}, waits("20000"));
  plane.open.close_all();
  EXPECT_TRUE(Json::parse(responder->response().body).contains("NextShardIterator"));

  auto just_after = begin("GetRecords", {{"ShardIterator", iterator("LATEST")}}, waits("20000"));
  EXPECT_TRUE(Json::parse(just_after->response().body).contains("NextShardIterator"));
}

TEST_F(GetRecordsTest, AReaderThatLeavesIsForgotten) {
  auto responder = begin("GetRecords", {{"ShardIterator", iterator("LATEST")}}, waits("20000"));
  responder->leave();
  put("x");
  // The call was let go without records: what answers is its end.
  EXPECT_EQ(responder->response().status, 500);
}

}  // namespace
}  // namespace tailrace::aws::kinesis
