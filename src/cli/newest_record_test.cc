#include "cli/newest_record.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tailrace::cli {
namespace {

TEST(NewestRecord, BecomesTheEventThatATriggerWouldGive) {
  auto event = kinesis_event({{"shard_id", "shardId-000000000001"},
                              {"offset", 7},
                              {"sequence_number", "4965"},
                              {"partition_key", "public.a.1"},
                              {"arrival", "2026-01-31T10:00:00.250Z"},
                              {"data", "{\"id\":1}"}},
                             "dev");

  EXPECT_EQ(event.dump(),
            R"({"Records":[{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"public.a.1",)"
            R"("sequenceNumber":"4965","data":"eyJpZCI6MX0=","approximateArrivalTimestamp":)"
            R"(1769853600.25},"eventSource":"aws:kinesis","eventVersion":"1.0",)"
            R"("eventID":"shardId-000000000001:4965","eventName":"aws:kinesis:record",)"
            R"("invokeIdentityArn":"arn:aws:iam::000000000000:role/tailrace",)"
            R"("awsRegion":"us-east-1",)"
            R"("eventSourceARN":"arn:aws:kinesis:us-east-1:000000000000:stream/dev"}]})");
}

TEST(NewestRecord, WithBytesThatAreNoTextKeepsThem) {
  auto event = kinesis_event({{"shard_id", "shardId-000000000000"},
                              {"sequence_number", "1"},
                              {"partition_key_base64", "eA=="},
                              {"arrival", "2026-01-31T10:00:00.000Z"},
                              {"data_base64", "/wA="}},
                             "dev");

  const auto& kinesis = event["Records"][0]["kinesis"];
  EXPECT_EQ(kinesis["partitionKey"], "x");
  EXPECT_EQ(kinesis["data"], "/wA=");
}

}  // namespace
}  // namespace tailrace::cli
