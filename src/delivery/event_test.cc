#include "delivery/event.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "stream/stream.h"

namespace tailrace::delivery {
namespace {

class EventTest : public testing::Test {
 protected:
  log::Record record(Offset offset, std::string_view key, std::string_view payload) {
    return {offset, 1700000000123, key, payload};
  }

  const stream::Shard shard_ = stream::initial_shards(7, 1700000000).at(6);
  Event event_{{"eu-west-1", "123456789012"}, "orders", shard_};
};

TEST_F(EventTest, IsByteForByteWhatAFunctionExpects) {
  auto first = record(0, "k\"1", "hello"), second = record(1, "k2", "");
  second.arrival_ms = 1700000001007;
  ASSERT_EQ(event_.add(first), Event::Added::yes);
  ASSERT_EQ(event_.add(second), Event::Added::yes);
  std::string number_1 = stream::sequence_number(shard_, 0, first.arrival_ms);
  std::string number_2 = stream::sequence_number(shard_, 1, second.arrival_ms);
  std::string rest =
      R"(","eventName":"aws:kinesis:record",)"
      R"("invokeIdentityArn":"arn:aws:iam::123456789012:role/tailrace","awsRegion":"eu-west-1",)"
      R"("eventSourceARN":"arn:aws:kinesis:eu-west-1:123456789012:stream/orders"})";

  EXPECT_EQ(*event_.finish(),
            R"({"Records":[{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"k\"1",)"
            R"("sequenceNumber":")" +
                number_1 +
                R"(","data":"aGVsbG8=","approximateArrivalTimestamp":1700000000.123},)"
                R"("eventSource":"aws:kinesis","eventVersion":"1.0",)"
                R"("eventID":"shardId-000000000006:)" +
                number_1 + rest +
                R"(,{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"k2",)"
                R"("sequenceNumber":")" +
                number_2 +
                R"(","data":"","approximateArrivalTimestamp":1700000001.007},)"
                R"("eventSource":"aws:kinesis","eventVersion":"1.0",)"
                R"("eventID":"shardId-000000000006:)" +
                number_2 + rest + "]}");
}

TEST_F(EventTest, FillsUpToTheLimitAndNotAByteMore) {
  std::string payload(3000, 'x');
  ASSERT_EQ(event_.add(record(0, "k", payload)), Event::Added::yes);
  std::size_t frame = event_.finish()->size() - 4000;
  // In base64 three bytes become four; the key makes up what is missing to the limit.
  std::string largest((event_bytes_max - frame) / 4 * 3, 'x');
  std::string key(1 + event_bytes_max - frame - largest.size() / 3 * 4, 'k');

  EXPECT_EQ(event_.add(record(0, key + "k", largest)), Event::Added::too_large);
  EXPECT_TRUE(event_.empty());
  ASSERT_EQ(event_.add(record(0, key, largest)), Event::Added::yes);
  EXPECT_EQ(event_.add(record(1, "k", "")), Event::Added::full);
  EXPECT_EQ(event_.count(), 1u);

  auto text = event_.finish();
  EXPECT_EQ(text->size(), event_bytes_max);
  EXPECT_TRUE(nlohmann::json::accept(*text));
}

TEST_F(EventTest, TakesARecordThatDidNotFitIntoTheNextOne) {
  std::string large(4'000'000, 'x');
  ASSERT_EQ(event_.add(record(0, "k", large)), Event::Added::yes);
  ASSERT_EQ(event_.add(record(1, "k", large)), Event::Added::full);
  event_.finish();
  ASSERT_EQ(event_.add(record(1, "k", large)), Event::Added::yes);

  auto records = nlohmann::json::parse(*event_.finish()).at("Records");

  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(from_base64(records[0]["kinesis"]["data"].get<std::string>()), large);
}

TEST_F(EventTest, HoldsARecordOfAnySizeForParking) {
  std::string huge(9'000'000, 'x');
  ASSERT_EQ(event_.add(record(0, "k", huge)), Event::Added::too_large);
  event_.add_too_large(record(0, "k", huge));

  auto records = nlohmann::json::parse(*event_.finish()).at("Records");

  EXPECT_EQ(from_base64(records.at(0)["kinesis"]["data"].get<std::string>()), huge);
}

}  // namespace
}  // namespace tailrace::delivery
