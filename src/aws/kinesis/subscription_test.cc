#include "aws/kinesis/subscription.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/kinesis/data_plane_fixture.h"

namespace tailrace::aws::kinesis {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::header_of;
using testing::HeldResponder;
using ::testing::IsEmpty;
using ::testing::StartsWith;

const std::string billing =
    "arn:aws:kinesis:us-east-1:000000000000:stream/orders/consumer/billing:1650000000";

class SubscribeToShardTest : public testing::DataPlaneFixture {
 protected:
  static Json input(const Json& position = {{"Type", "LATEST"}},
                    const std::string& shard = "shardId-000000000000") {
    return {{"ConsumerARN", billing}, {"ShardId", shard}, {"StartingPosition", position}};
  }
  // Subscribes and takes the initial response off.
  std::shared_ptr<HeldResponder> subscribe(const Json& position = {{"Type", "LATEST"}}) {
    auto responder = begin("SubscribeToShard", input(position));
    EXPECT_EQ(header_of(responder->event(), ":event-type"), "initial-response");
    return responder;
  }
  Json next(const std::shared_ptr<HeldResponder>& responder) {
    auto event = responder->event();
    EXPECT_EQ(header_of(event, ":event-type"), "SubscribeToShardEvent");
    return Json::parse(event.payload, nullptr, false);
  }
  // The exception that ends it: "Type: message".
  std::string exception(const std::shared_ptr<HeldResponder>& responder) {
    auto event = responder->event();
    EXPECT_EQ(header_of(event, ":message-type"), "exception");
    responder->wait_for_end();
    return header_of(event, ":exception-type") + ": " +
           Json::parse(event.payload).value("message", "");
  }
};

TEST_F(SubscribeToShardTest, RecordsArePushedAsTheyBecomeDurable) {
  put("before");
  auto responder = subscribe();
  EXPECT_FALSE(responder->has_event());
  put("one");
  auto event = next(responder);
  EXPECT_THAT(data_of(event), ElementsAre("one"));
  EXPECT_EQ(event["MillisBehindLatest"], 0);
  EXPECT_FALSE(event.contains("ChildShards"));
  put("two");
  EXPECT_THAT(data_of(next(responder)), ElementsAre("two"));
}

TEST_F(SubscribeToShardTest, AContinuationNumberLeadsToWhatComesNext) {
  auto responder = subscribe({{"Type", "TRIM_HORIZON"}});
  put("one");
  auto number = next(responder)["ContinuationSequenceNumber"];
  responder->leave();
  put("two");
  clock.pass(5s);
  auto again = subscribe({{"Type", "AFTER_SEQUENCE_NUMBER"}, {"SequenceNumber", number}});
  EXPECT_THAT(data_of(next(again)), ElementsAre("two"));
}

TEST_F(SubscribeToShardTest, AnIdleSubscriptionHasAnEventEveryFiveSeconds) {
  auto responder = subscribe();
  timers.pass(4999ms);
  EXPECT_FALSE(responder->has_event());
  timers.pass(1ms);
  auto first = next(responder);
  EXPECT_THAT(data_of(first), IsEmpty());
  timers.pass(5s);
  auto second = next(responder);
  EXPECT_LT(first["ContinuationSequenceNumber"].get<std::string>(),
            second["ContinuationSequenceNumber"].get<std::string>());
}

TEST_F(SubscribeToShardTest, APeerThatDoesNotReadIsWaitedForAndGetsAllAtOnce) {
  auto responder = subscribe();
  responder->take_chunks(false);
  put("one");
  EXPECT_THAT(data_of(next(responder)), ElementsAre("one"));
  put("two");
  put("three");
  timers.pass(5s);
  EXPECT_FALSE(responder->has_event());
  responder->take_chunk();
  EXPECT_THAT(data_of(next(responder)), ElementsAre("two", "three"));
  responder->take_chunk();
}

TEST_F(SubscribeToShardTest, ItEndsAfterFiveMinutes) {
  auto responder = subscribe();
  timers.pass(5min);
  responder->wait_for_end();
  put("later");
  EXPECT_FALSE(responder->has_event());
}

TEST_F(SubscribeToShardTest, TheEndOfTheShardNamesItsChildrenAndEndsTheStream) {
  auto responder = subscribe();
  put("last");
  EXPECT_THAT(data_of(next(responder)), ElementsAre("last"));
  split_first_shard();
  auto end = next(responder);
  EXPECT_FALSE(end.contains("ContinuationSequenceNumber"));
  ASSERT_EQ(end["ChildShards"].size(), 2u);
  EXPECT_EQ(end["ChildShards"][1]["ParentShards"], (Json{"shardId-000000000000"}));
  responder->wait_for_end();
}

TEST_F(SubscribeToShardTest, AnotherOneIsRefusedAtFirstAndTakesOverAfterFiveSeconds) {
  auto first = subscribe();
  clock.pass(4999ms);
  EXPECT_EQ(
      failure("SubscribeToShard", input()),
      "ResourceInUseException: Another active subscription exists for this consumer: " + billing);
  clock.pass(1ms);
  auto second = subscribe();
  EXPECT_EQ(
      exception(first),
      "ResourceInUseException: Another active subscription exists for this consumer: " + billing);
  put("for the second");
  EXPECT_THAT(data_of(next(second)), ElementsAre("for the second"));
}

TEST_F(SubscribeToShardTest, ShardsAreSubscribedToSideBySide) {
  auto first = subscribe();
  auto second = begin("SubscribeToShard", input({{"Type", "LATEST"}}, "shardId-1"));
  EXPECT_EQ(header_of(second->event(), ":event-type"), "initial-response");
  put("b", "b");
  EXPECT_THAT(data_of(next(second)), ElementsAre("b"));
  EXPECT_FALSE(first->has_event());
}

TEST_F(SubscribeToShardTest, DeregisteringTheConsumerEndsItWithAFrame) {
  auto responder = subscribe();
  change([](stream::StreamSpec& spec) { spec.consumers.clear(); });
  EXPECT_THAT(exception(responder), StartsWith("ResourceNotFoundException: Consumer billing"));
}

TEST_F(SubscribeToShardTest, DeletingTheStreamEndsItWithAFrame) {
  auto responder = subscribe();
  ASSERT_TRUE(streams.remove(*orders->spec()).has_value());
  EXPECT_THAT(exception(responder), StartsWith("ResourceNotFoundException: "));
}

TEST_F(SubscribeToShardTest, WhatIsWrongBeforeItBeginsIsAnOrdinaryAnswer) {
  auto unknown = input();
  unknown["ConsumerARN"] =
      "arn:aws:kinesis:us-east-1:000000000000:stream/orders/consumer/billing:1650000001";
  EXPECT_THAT(failure("SubscribeToShard", unknown), StartsWith("ResourceNotFoundException"));
  EXPECT_THAT(failure("SubscribeToShard", input({{"Type", "LATEST"}}, "shardId-9")),
              StartsWith("ResourceNotFoundException: Shard shardId-000000000009"));
  EXPECT_THAT(failure("SubscribeToShard", input({{"Type", "AT_SEQUENCE_NUMBER"}})),
              StartsWith("InvalidArgumentException"));
}

TEST_F(SubscribeToShardTest, WithAwsLimitsTwoMebibytesASecondAreSent) {
  change([](stream::StreamSpec& spec) { spec.max_record_kib = 10240; });
  put(std::string(3 << 20, 'x'));
  put("b");
  change([](stream::StreamSpec& spec) { spec.aws_limits = true; });
  auto responder = subscribe({{"Type", "TRIM_HORIZON"}});
  EXPECT_EQ(data_of(next(responder)).front().size(), 3u << 20);
  timers.pass(499ms);
  EXPECT_FALSE(responder->has_event());
  timers.pass(2ms);
  EXPECT_THAT(data_of(next(responder)), ElementsAre("b"));
}

TEST_F(SubscribeToShardTest, NothingIsTouchedAnyMoreOnceThePlaneIsClosed) {
  auto responder = subscribe();
  plane.open.close_all();
  responder->wait_for_end();
  put("x");
  timers.pass(5min);
  EXPECT_FALSE(responder->has_event());
}

}  // namespace
}  // namespace tailrace::aws::kinesis
