#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/kinesis/data_plane_fixture.h"

namespace tailrace::aws::kinesis {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class PutRecordsTest : public testing::DataPlaneFixture {
 protected:
  Json record(const std::string& data, const std::string& key) {
    return {{"Data", base64(data)}, {"PartitionKey", key}};
  }
};

TEST_F(PutRecordsTest, ARecordIsAnsweredWithItsShardAndNumber) {
  auto first = put("one");
  auto second = put("two");
  EXPECT_EQ(first["ShardId"], "shardId-000000000000");
  EXPECT_EQ(parse_sequence_number(first["SequenceNumber"].get<std::string>()),
            (SequenceNumber{1'600'000'000, 0, 1, 1'700'000'000}));
  EXPECT_EQ(parse_sequence_number(second["SequenceNumber"].get<std::string>())->counter, 2u);
  EXPECT_FALSE(first.contains("EncryptionType"));
  EXPECT_EQ(put("three", "b")["ShardId"], "shardId-000000000001");
  EXPECT_THAT(data_of(get(iterator("TRIM_HORIZON"))), ElementsAre("one", "two"));
}

TEST_F(PutRecordsTest, NothingIsAnsweredBeforeItIsDurable) {
  testing::HeldDisk held(disk);
  auto responder =
      begin("PutRecord", {{"StreamName", "orders"}, {"PartitionKey", "a"}, {"Data", base64("x")}});
  held.wait_until_held();
  EXPECT_FALSE(responder->answered());
  held.let_go();
  EXPECT_EQ(responder->response().status, 200);
}

TEST_F(PutRecordsTest, RecordsKeepTheOrderOfTheRequestInEachShard) {
  auto answer =
      ask("PutRecords",
          {{"StreamName", "orders"},
           {"Records", {record("1", "a"), record("2", "b"), record("3", "a"), record("", "b")}}});
  EXPECT_EQ(answer["FailedRecordCount"], 0);
  std::vector<std::string> shards;
  for (const auto& one : answer["Records"]) shards.push_back(one["ShardId"].get<std::string>());
  EXPECT_THAT(shards, ElementsAre("shardId-000000000000", "shardId-000000000001",
                                  "shardId-000000000000", "shardId-000000000001"));
  EXPECT_THAT(data_of(get(iterator("TRIM_HORIZON"))), ElementsAre("1", "3"));
  EXPECT_THAT(data_of(get(iterator("TRIM_HORIZON", Json::object(), "shardId-1"))),
              ElementsAre("2", ""));
}

TEST_F(PutRecordsTest, AnExplicitHashKeyDecidesTheShard) {
  auto one = record("x", "a");
  one["ExplicitHashKey"] = "340282366920938463463374607431768211455";
  one["StreamName"] = "orders";
  EXPECT_EQ(ask("PutRecord", one)["ShardId"], "shardId-000000000001");
  one["ExplicitHashKey"] = "340282366920938463463374607431768211456";
  EXPECT_EQ(failure("PutRecord", one),
            "InvalidArgumentException: Invalid ExplicitHashKey. ExplicitHashKey must be in the "
            "range: [0, 2^128-1]. Specified value was 340282366920938463463374607431768211456");
}

TEST_F(PutRecordsTest, ANumberForOrderingMustBeFromBefore) {
  auto one = record("x", "a");
  one["StreamName"] = "orders";
  auto before = ask("PutRecord", one)["SequenceNumber"];
  one["SequenceNumberForOrdering"] = before;
  EXPECT_TRUE(ask("PutRecord", one).contains("SequenceNumber"));
  one["SequenceNumberForOrdering"] = to_string(SequenceNumber{1'600'000'000, 0, 9, 1'700'000'001});
  EXPECT_THAT(failure("PutRecord", one),
              StartsWith("InvalidArgumentException: ExclusiveMinimumSequenceNumber "));
  one["SequenceNumberForOrdering"] = "7";
  EXPECT_THAT(failure("PutRecord", one), HasSubstr("used in PutRecord on stream orders under "
                                                   "account 000000000000 is invalid."));
}

TEST_F(PutRecordsTest, SizesAreHeldAndOneWrongRecordRefusesTheWholeRequest) {
  auto fits = std::string((1 << 20) - 1, 'x');
  EXPECT_TRUE(put(fits).contains("ShardId"));
  EXPECT_THAT(failure("PutRecords", {{"StreamName", "orders"},
                                     {"Records", {record("y", "a"), record(fits + "xx", "a")}}}),
              HasSubstr("InvalidArgumentException: Record size of 1048578 bytes exceeds"));
  Json many = Json::array();
  for (int i = 0; i < 11; ++i) many.push_back(record(fits, "a"));
  EXPECT_EQ(failure("PutRecords", {{"StreamName", "orders"}, {"Records", many}}),
            "InvalidArgumentException: Records size exceeds 10 MB limit");
  EXPECT_EQ(data_of(get(iterator("TRIM_HORIZON"))).size(), 1u);
  change([](stream::StreamSpec& spec) { spec.max_record_kib = 10240; });
  EXPECT_TRUE(put(fits + "xx").contains("ShardId"));
}

TEST_F(PutRecordsTest, AnUnknownStreamIsNotFound) {
  auto one = record("x", "a");
  one["StreamName"] = "nobody";
  EXPECT_EQ(failure("PutRecord", one),
            "ResourceNotFoundException: Stream nobody under account 000000000000 not found.");
}

TEST_F(PutRecordsTest, AnEncryptedStreamSaysSo) {
  change([](stream::StreamSpec& spec) { spec.kms_key_id = "alias/aws/kinesis"; });
  EXPECT_EQ(put("x")["EncryptionType"], "KMS");
  EXPECT_EQ(get(iterator("TRIM_HORIZON"))["Records"][0]["EncryptionType"], "KMS");
}

TEST_F(PutRecordsTest, WithAwsLimitsTheRecordsThatAreTooManyFailAlone) {
  change([](stream::StreamSpec& spec) { spec.aws_limits = true; });
  auto half = std::string(600 << 10, 'x');
  auto answer = ask("PutRecords",
                    {{"StreamName", "orders"},
                     {"Records", {record(half, "a"), record(half, "a"), record("small", "b")}}});
  EXPECT_EQ(answer["FailedRecordCount"], 1);
  EXPECT_EQ(answer["Records"][0]["ShardId"], "shardId-000000000000");
  EXPECT_EQ(answer["Records"][1],
            (Json{{"ErrorCode", "ProvisionedThroughputExceededException"},
                  {"ErrorMessage",
                   "Rate exceeded for shard shardId-000000000000 in stream orders under account "
                   "000000000000."}}));
  EXPECT_EQ(answer["Records"][2]["ShardId"], "shardId-000000000001");
  auto one = record(half, "a");
  one["StreamName"] = "orders";
  EXPECT_THAT(failure("PutRecord", one),
              StartsWith("ProvisionedThroughputExceededException: Rate exceeded"));
  clock.pass(1s);
  EXPECT_TRUE(ask("PutRecord", one).contains("ShardId"));
}

TEST_F(PutRecordsTest, AFencedStreamIsAFailureOfOurs) {
  disk.fail_sync(0);
  EXPECT_THAT(
      failure("PutRecord", {{"StreamName", "orders"}, {"PartitionKey", "a"}, {"Data", ""}}, 500),
      StartsWith("InternalFailure: "));
}

// The disk stands still, and the log's queue is full.
class FullQueueTest : public PutRecordsTest {
 protected:
  FullQueueTest() {
    change([](stream::StreamSpec& spec) { spec.max_record_kib = 10240; });
    while (!timers.any_set()) puts.push_back(begin("PutRecord", large));
    late = std::move(puts.back());
    puts.pop_back();
  }

  const Json large = {{"StreamName", "orders"},
                      {"PartitionKey", "a"},
                      {"Data", base64(std::string(10'000'000, 'x'))}};
  testing::HeldDisk held{disk};
  std::vector<std::shared_ptr<testing::HeldResponder>> puts;
  std::shared_ptr<testing::HeldResponder> late;
};

TEST_F(FullQueueTest, APutWaitsForRoomAndThenIsToBeTriedAgain) {
  timers.pass(3999ms);
  EXPECT_FALSE(late->answered());
  timers.pass(1ms);
  EXPECT_EQ(late->response().status, 503);

  auto waiting = begin("PutRecord", large);
  EXPECT_TRUE(timers.any_set());
  EXPECT_FALSE(waiting->answered());
  held.let_go();
  EXPECT_EQ(waiting->response().status, 200);
  for (const auto& put : puts) EXPECT_EQ(put->response().status, 200);
}

TEST_F(FullQueueTest, NothingIsKeptOfAPutThatWasGivenUp) {
  auto users = orders.use_count();
  timers.pass(4s);
  EXPECT_EQ(late->response().status, 503);
  EXPECT_EQ(orders.use_count(), users - 1);
}

TEST_F(FullQueueTest, NothingIsKeptOfAPutWhosePeerLeft) {
  auto users = orders.use_count();
  late->leave();
  EXPECT_EQ(orders.use_count(), users - 1);
}

}  // namespace
}  // namespace tailrace::aws::kinesis
