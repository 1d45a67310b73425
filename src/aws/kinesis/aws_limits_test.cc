#include "aws/kinesis/aws_limits.h"

#include <gtest/gtest.h>

namespace tailrace::aws::kinesis {
namespace {

using namespace std::chrono_literals;

const AwsLimits::Shard shard{7, 0};
const auto start = AwsLimits::Time{1h};

TEST(AwsLimitsTest, AShardTakesAThousandRecordsASecond) {
  AwsLimits limits;
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(limits.admit_record(shard, 10, start)) << i;
  EXPECT_FALSE(limits.admit_record(shard, 10, start));
  EXPECT_TRUE(limits.admit_record({7, 1}, 10, start)) << "another shard";
  EXPECT_TRUE(limits.admit_record(shard, 10, start + 1ms));
  EXPECT_FALSE(limits.admit_record(shard, 10, start + 1ms));
}

TEST(AwsLimitsTest, ALargeRecordIsTakenByAFullBucketAndMadeUpFor) {
  AwsLimits limits;
  EXPECT_TRUE(limits.admit_record(shard, 10 << 20, start));
  EXPECT_FALSE(limits.admit_record(shard, 1, start + 8s));
  EXPECT_TRUE(limits.admit_record(shard, 1, start + 9s + 1ms));
}

TEST(AwsLimitsTest, FiveReadsASecondAndNoneWhileALargeAnswerIsOwed) {
  AwsLimits limits;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(limits.admit_get_records(shard, start));
  EXPECT_FALSE(limits.admit_get_records(shard, start));
  EXPECT_TRUE(limits.admit_get_records(shard, start + 1s));
  limits.count_read(shard, 10 << 20, start + 1s);
  EXPECT_FALSE(limits.admit_get_records(shard, start + 4s));
  EXPECT_TRUE(limits.admit_get_records(shard, start + 6s));
}

TEST(AwsLimitsTest, FiveIteratorsASecond) {
  AwsLimits limits;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(limits.admit_get_iterator(shard, start));
  EXPECT_FALSE(limits.admit_get_iterator(shard, start));
}

TEST(AwsLimitsTest, ManyShardsAreForgottenOnlyOnceTheyOweNothing) {
  AwsLimits limits;
  EXPECT_TRUE(limits.admit_record(shard, 10 << 20, start));
  for (ShardNumber other = 1; other < 20'000; ++other)
    limits.admit_record({7, other}, 1, start + std::chrono::milliseconds{other / 10});
  EXPECT_FALSE(limits.admit_record(shard, 1, start + 8s));
}

}  // namespace
}  // namespace tailrace::aws::kinesis
