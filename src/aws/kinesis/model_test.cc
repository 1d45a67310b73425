#include "aws/kinesis/model.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tailrace::aws::kinesis {
namespace {

const Shape& shape_of(std::string_view action, std::string_view member) {
  for (const Field& field : input_of(action)->fields)
    if (field.name == member) return *field.shape;
  ADD_FAILURE() << action << " takes no " << member;
  static constexpr Shape none;
  return none;
}

TEST(Model, HasTheActionsOfTheApi) {
  EXPECT_EQ(actions().size(), 39u);
  EXPECT_TRUE(std::is_sorted(actions().begin(), actions().end(),
                             [](const Action& a, const Action& b) { return a.name < b.name; }));
  EXPECT_EQ(input_of("putRecord"), nullptr);
  EXPECT_EQ(input_of("DescribeLimits")->fields.size(), 0u);
}

TEST(Model, KnowsLimits) {
  const Shape& records = shape_of("PutRecords", "Records");
  EXPECT_EQ(records.min, 1);
  EXPECT_EQ(records.max, 500);
  EXPECT_EQ(shape_of("PutRecord", "Data").max, 10485760);
  EXPECT_EQ(shape_of("PutRecord", "PartitionKey").max, 256);
  EXPECT_EQ(shape_of("GetRecords", "Limit").max, 10000);
  EXPECT_EQ(shape_of("IncreaseStreamRetentionPeriod", "RetentionPeriodHours").max, Shape::any);
}

TEST(Model, PatternsMatchWholeTexts) {
  auto matches = [](std::string_view action, std::string_view member, std::string_view text) {
    return shape_of(action, member).pattern->matches(text);
  };
  EXPECT_TRUE(matches("PutRecord", "StreamName", "a.B_c-9"));
  EXPECT_FALSE(matches("PutRecord", "StreamName", "a b"));
  EXPECT_FALSE(matches("PutRecord", "StreamName", ""));
  EXPECT_FALSE(matches("PutRecord", "StreamName", "a\n"));
  EXPECT_TRUE(matches("PutRecord", "ExplicitHashKey", "0"));
  EXPECT_TRUE(matches("PutRecord", "ExplicitHashKey", std::string(39, '9')));
  EXPECT_FALSE(matches("PutRecord", "ExplicitHashKey", std::string(40, '9')));
  EXPECT_FALSE(matches("PutRecord", "ExplicitHashKey", "01"));
  EXPECT_TRUE(
      matches("PutRecord", "StreamARN", "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/a"));
  EXPECT_FALSE(matches("PutRecord", "StreamARN", "arn:aws:kinesis:us-east-1:1:stream/a"));
  EXPECT_TRUE(matches("SubscribeToShard", "ConsumerARN",
                      "arn:aws:kinesis:us-east-1:123456789012:stream/a/consumer/b:1"));
}

}  // namespace
}  // namespace tailrace::aws::kinesis
