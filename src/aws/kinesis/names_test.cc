#include "aws/kinesis/names.h"

#include <gtest/gtest.h>

namespace tailrace::aws::kinesis {
namespace {

const Account account;
const std::string orders = "arn:aws:kinesis:us-east-1:000000000000:stream/orders";
const std::string billing = orders + "/consumer/billing:1700000000";

Document input(const std::string& text) {
  return std::move(read_document(Codec::json, text).value());
}

TEST(Names, AConsumersArnTellsWhichOfItsNameIsMeant) {
  Document by_arn = input(R"({"ConsumerARN":")" + billing + R"("})");
  auto consumer = consumer_of(account, by_arn.root());
  ASSERT_TRUE(consumer);
  EXPECT_EQ(consumer->stream, "orders");
  EXPECT_EQ(consumer->consumer, "billing");
  EXPECT_EQ(consumer->created_seconds, 1700000000);

  Document by_name = input(R"({"StreamARN":")" + orders + R"(","ConsumerName":"billing"})");
  consumer = consumer_of(account, by_name.root());
  ASSERT_TRUE(consumer);
  EXPECT_EQ(consumer->consumer, "billing");
  EXPECT_FALSE(consumer->created_seconds.has_value());
}

TEST(Names, ThatDoNotAgreeAreRefused) {
  for (const std::string& text :
       {R"({"ConsumerARN":")" + billing + R"(","ConsumerName":"other"})",
        R"({"ConsumerARN":")" + billing + R"(","StreamARN":")" + orders + R"(2"})",
        R"({"ConsumerARN":")" + orders + R"("})", std::string(R"({"ConsumerName":"billing"})"),
        R"({"StreamARN":")" + orders + R"("})"}) {
    Document document = input(text);
    auto consumer = consumer_of(account, document.root());
    ASSERT_FALSE(consumer) << text;
    EXPECT_EQ(consumer.error().fault, Fault::invalid);
  }
  Document of_consumer = input(R"({"StreamARN":")" + billing + R"("})");
  EXPECT_EQ(stream_of(account, of_consumer.root()).error().fault, Fault::invalid);
}

TEST(Names, EveryNameOfAnInputIsForThePolicyToJudge) {
  auto resources = [](const std::string& text) {
    Document document = input(text);
    return resources_of(account, document.root());
  };
  EXPECT_EQ(resources(R"({"StreamName":"orders"})"), std::vector<std::string>{orders});
  EXPECT_EQ(resources(R"({"ConsumerARN":")" + billing + R"("})"),
            std::vector<std::string>{billing});
  // Both, so that none is passed over.
  EXPECT_EQ(resources(R"({"StreamName":"orders","StreamARN":"arn:other"})"),
            (std::vector<std::string>{"arn:other", orders}));
  EXPECT_EQ(resources("{}"), std::vector<std::string>{"*"});
}

TEST(Names, ShardIdsAreReadLoosely) {
  EXPECT_EQ(parse_shard_loosely("shardId-000000000012"), 12u);
  EXPECT_EQ(parse_shard_loosely("shardId-0"), 0u);
  EXPECT_EQ(parse_shard_loosely("7"), 7u);
  EXPECT_EQ(parse_shard_loosely("x-2147483647"), 2147483647u);
  for (const char* id : {"", "shardId-", "shardId-x", "shardId-1x", "shardId--1", "2147483648",
                         "99999999999999999999", "shardId-1-2"})
    EXPECT_FALSE(parse_shard_loosely(id).has_value()) << id;
}

TEST(Names, ErrorsOfOursAreExceptionsOfKinesis) {
  auto type = [](Fault fault) { return failure_of({fault, "why"}).type; };
  EXPECT_EQ(type(Fault::invalid), "InvalidArgumentException");
  EXPECT_EQ(type(Fault::not_found), "ResourceNotFoundException");
  EXPECT_EQ(type(Fault::conflict), "ResourceInUseException");
  EXPECT_EQ(type(Fault::full), "LimitExceededException");
  // Clients try these again.
  EXPECT_EQ(failure_of({Fault::unavailable, "why"}).status, 503);
  EXPECT_EQ(failure_of({Fault::fenced, "why"}), (Failure{"InternalFailure", "why", 500}));
}

}  // namespace
}  // namespace tailrace::aws::kinesis
