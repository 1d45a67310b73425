#include "admin/shard_merge.h"

#include <gtest/gtest.h>

#include <sstream>

#include "admin/fake_stream.h"

namespace tailrace::admin {
namespace {

class ShardMergeTest : public testing::Test {
 protected:
  // What the lines say: payloads, and for a place that cannot be read its fault and range.
  std::vector<std::string> read(ShardMerge& merge, std::size_t records_max = 1000,
                                std::size_t bytes_max = 1u << 20) {
    Buffer out;
    auto records = merge.append_lines(out, records_max, bytes_max);
    EXPECT_TRUE(records) << records.error().message;
    std::vector<std::string> said;
    std::istringstream lines{std::string(out.view())};
    for (std::string line; std::getline(lines, line);) {
      json value = json::parse(line);
      if (value.contains("error"))
        said.push_back(value["error"]["fault"].get<std::string>() + " " + value["offset"].dump() +
                       ".." + value["next_offset"].dump());
      else
        said.push_back(value["data"]);
    }
    return said;
  }

  using Said = std::vector<std::string>;
  FakeStream orders{2};
};

TEST_F(ShardMergeTest, ShardsAreMergedByArrivalEachInItsOwnOrder) {
  orders.log->add(0, 10, "a");
  orders.log->add(0, 40, "d");
  orders.log->add(0, 30, "e");  // the clock stepped back: the shard's order stands
  orders.log->add(1, 20, "b");
  orders.log->add(1, 30, "c");
  ShardMerge merge{orders.stream, {{0, 0}, {1, 0}}};

  EXPECT_EQ(read(merge), (Said{"a", "b", "c", "d", "e"}));
  EXPECT_EQ(read(merge), Said{});
}

TEST_F(ShardMergeTest, GoesOnWithWhatBecameDurableSince) {
  ShardMerge merge{orders.stream, {{0, 0}, {1, 0}}};
  EXPECT_EQ(read(merge), Said{});
  orders.log->add(1, 20, "a");
  EXPECT_EQ(read(merge), (Said{"a"}));
  orders.log->add(1, 21, "c");
  orders.log->add(0, 20, "b");
  EXPECT_EQ(read(merge), (Said{"b", "c"}));
}

TEST_F(ShardMergeTest, StopsAtTheLimitAndLosesNothing) {
  for (int i = 0; i < 10; ++i) orders.log->add(i % 2, i, std::to_string(i));
  ShardMerge merge{orders.stream, {{0, 0}, {1, 0}}};
  EXPECT_EQ(read(merge, 3), (Said{"0", "1", "2"}));
  EXPECT_EQ(read(merge, 1000, 1), (Said{"3"}));
  EXPECT_EQ(read(merge), (Said{"4", "5", "6", "7", "8", "9"}));
}

TEST_F(ShardMergeTest, ADamagedPlaceIsToldAndTheRestServed) {
  for (int i = 0; i < 6; ++i) orders.log->add(0, i, std::to_string(i));
  orders.log->damage(0, 2, 4);
  ShardMerge merge{orders.stream, {{0, 0}}};
  EXPECT_EQ(read(merge), (Said{"0", "1", "corrupt 2..4", "4", "5"}));
}

TEST_F(ShardMergeTest, WhatRetentionTookMeanwhileIsTold) {
  for (int i = 0; i < 6; ++i) orders.log->add(0, i, std::to_string(i));
  ShardMerge merge{orders.stream, {{0, 0}}};
  orders.log->retire_before(0, 4);
  EXPECT_EQ(read(merge), (Said{"not_found 0..4", "4", "5"}));
}

TEST_F(ShardMergeTest, DamageWithoutAKnownEndEndsTheReading) {
  orders.log->add(0, 1, "a");
  orders.log->add(0, 2, "b");
  orders.log->damage_from(0, 1);
  ShardMerge merge{orders.stream, {{0, 0}}};
  Buffer out;
  auto records = merge.append_lines(out, 1000, 1u << 20);
  ASSERT_FALSE(records);
  EXPECT_EQ(records.error().fault, Fault::corrupt);
  EXPECT_NE(out.view().find("\"data\":\"a\""), std::string_view::npos);
}

TEST_F(ShardMergeTest, WhatAShardBecameFollowsBehindAllOfIt) {
  orders.log->add(0, 50, "parent");
  orders.split(0);
  orders.log->add(2, 10, "child");  // the clock stepped back
  orders.log->add(1, 30, "neighbour");
  ShardMerge merge{orders.stream, {{0, 0}, {1, 0}, {2, 0}, {3, 0}}};

  EXPECT_EQ(read(merge), (Said{"neighbour", "parent", "child"}));
}

TEST_F(ShardMergeTest, AMergedShardFollowsBehindBothItsParents) {
  orders.log->add(0, 50, "a");
  orders.log->add(1, 60, "b");
  orders.merge(0, 1);
  orders.log->add(2, 10, "c");
  ShardMerge merge{orders.stream, {{0, 0}, {1, 0}, {2, 0}}};

  EXPECT_EQ(read(merge), (Said{"a", "b", "c"}));
}

TEST_F(ShardMergeTest, ShardsThatAppearAreReadFromTheirFirstRecord) {
  orders.log->add(0, 1, "old");
  ShardMerge merge{orders.stream, {{0, 1}, {1, 0}}};
  EXPECT_EQ(read(merge), Said{});
  orders.log->add(0, 2, "a");
  orders.split(0);
  orders.log->add(2, 3, "b");
  orders.split(2);
  orders.log->add(5, 4, "c");

  EXPECT_EQ(read(merge), (Said{"a", "b", "c"}));
}

TEST_F(ShardMergeTest, AReaderIsNeverSentBackNorRoundInCircles) {
  orders.log->damage(0, 2, 4);
  EXPECT_EQ(readable_again(*orders.log, 0, 2, {Fault::corrupt, ""}), Offset{4});
  EXPECT_EQ(readable_again(*orders.log, 0, 4, {Fault::corrupt, ""}), std::nullopt);
  EXPECT_EQ(readable_again(*orders.log, 0, 1, {Fault::internal, "EIO"}), std::nullopt);
}

TEST_F(ShardMergeTest, StartsAreTheOldestTheNewestOrATime) {
  for (int i = 0; i < 4; ++i) orders.log->add(0, 1769853600000 + i * 1000, std::to_string(i));
  orders.log->retire_before(0, 1);
  EXPECT_EQ(*start_offset(*orders.stream, 0, "trim-horizon"), 1u);
  EXPECT_EQ(*start_offset(*orders.stream, 0, "latest"), 4u);
  EXPECT_EQ(*start_offset(*orders.stream, 0, "2026-01-31T10:00:02Z"), 2u);
  EXPECT_EQ(*start_offset(*orders.stream, 0, "2026-01-31T10:00:02.0001Z"), 3u);
  auto wrong = start_offset(*orders.stream, 0, "yesterday");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().fault, Fault::invalid);
}

}  // namespace
}  // namespace tailrace::admin
