#include "record/account.h"

#include <gtest/gtest.h>

namespace tailrace {
namespace {

TEST(StreamArn, NamesAStreamOrAConsumerOfIt) {
  Account account{"eu-west-1", "123456789012"};
  EXPECT_EQ(stream_arn(account, "orders"), "arn:aws:kinesis:eu-west-1:123456789012:stream/orders");
  EXPECT_EQ(consumer_arn(account, "orders", "billing", 1700000000),
            "arn:aws:kinesis:eu-west-1:123456789012:stream/orders/consumer/billing:1700000000");
}

TEST(FunctionArn, NamesAFunction) {
  EXPECT_EQ(function_arn({"eu-west-1", "123456789012"}, "resize"),
            "arn:aws:lambda:eu-west-1:123456789012:function:resize");
}

TEST(StreamArn, IsReadBackAsItWasWritten) {
  Account account{"eu-west-1", "123456789012"};
  EXPECT_EQ(parse_stream_arn(stream_arn(account, "orders")), (StreamArn{account, "orders", "", 0}));
  EXPECT_EQ(parse_stream_arn(consumer_arn(account, "a.b", "c-d", 7)),
            (StreamArn{account, "a.b", "c-d", 7}));
}

TEST(StreamArn, AnotherSpellingIsNone) {
  for (const char* text : {"arn:aws-cn:kinesis:eu-west-1:123456789012:stream/a",
                           "arn:aws:kinesis:eu-west-1:123456789012:stream/a/consumer/b:07"})
    EXPECT_FALSE(parse_stream_arn(text).has_value()) << text;
}

TEST(StreamArn, OtherTextIsNone) {
  for (const char* text :
       {"", "orders", "arn:aws:kinesis", "arn:aws:s3:eu-west-1:123456789012:stream/a",
        "arn:aws:kinesis:eu-west-1:12345678901:stream/a",
        "arn:aws:kinesis:eu-west-1:12345678901x:stream/a",
        "arn:aws:kinesis:eu-west-1:123456789012:stream/",
        "arn:aws:kinesis:eu-west-1:123456789012:table/a",
        "arn:aws:kinesis:eu-west-1:123456789012:stream/a/b",
        "arn:aws:kinesis:eu-west-1:123456789012:stream/a/consumer/b",
        "arn:aws:kinesis:eu-west-1:123456789012:stream/a/consumer/:1",
        "arn:aws:kinesis:eu-west-1:123456789012:stream/a/consumer/b:",
        "arn:aws:kinesis:eu-west-1:123456789012:stream/a/consumer/b:-1",
        "arn:aws:kinesis:eu-west-1:123456789012:stream/a/consumer/b:1x"})
    EXPECT_FALSE(parse_stream_arn(text).has_value()) << text;
}

}  // namespace
}  // namespace tailrace
