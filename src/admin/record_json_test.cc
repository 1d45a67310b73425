#include "admin/record_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tailrace::admin {
namespace {

using json = nlohmann::json;

json json_of(const log::Record& record) {
  RecordJson record_json{stream::initial_shards(2, 1769853600).at(1)};
  Buffer out;
  record_json.append(out, record);
  return json::parse(out.view());
}

TEST(RecordJson, HasAllThatTheDocumentationNames) {
  json record = json_of({41, 1769853600007, "customer-1", "{\"a\":\"\xc3\xa4\"}"});
  EXPECT_EQ(record.size(), 6u);
  EXPECT_EQ(record["shard_id"], "shardId-000000000001");
  EXPECT_EQ(record["offset"], 41);
  EXPECT_EQ(record["partition_key"], "customer-1");
  EXPECT_EQ(record["arrival"], "2026-01-31T10:00:00.007Z");
  EXPECT_EQ(record["data"], "{\"a\":\"\xc3\xa4\"}");
  auto sequence = parse_sequence_number(record["sequence_number"].get<std::string>());
  ASSERT_TRUE(sequence);
  EXPECT_EQ(sequence->shard, 1u);
  EXPECT_EQ(sequence->counter, 42u);
}

TEST(RecordJson, BytesThatAreNoTextAreBase64) {
  json record = json_of({0, 0, "\xff", std::string_view("\x00\xfe", 2)});
  EXPECT_EQ(record["data_base64"], "AP4=");
  EXPECT_EQ(record["partition_key_base64"], "/w==");
  EXPECT_FALSE(record.contains("data"));
  EXPECT_FALSE(record.contains("partition_key"));
}

TEST(RecordJson, NeighboursOfOtherSecondsHaveTheirOwnTime) {
  RecordJson record_json{stream::initial_shards(1, 1769853600).at(0)};
  std::vector<std::string> arrivals;
  for (std::int64_t ms : {1769853600999, 1769853601000, 1769853600999}) {
    Buffer out;
    record_json.append(out, {0, ms, "k", "d"});
    arrivals.push_back(json::parse(out.view())["arrival"]);
  }
  EXPECT_EQ(arrivals,
            (std::vector<std::string>{"2026-01-31T10:00:00.999Z", "2026-01-31T10:00:01.000Z",
                                      "2026-01-31T10:00:00.999Z"}));
}

}  // namespace
}  // namespace tailrace::admin
