#include <gtest/gtest.h>

#include "admin/api_fixture.h"

namespace tailrace::admin {
namespace {

class StreamRoutesTest : public ApiFixture {};

TEST_F(StreamRoutesTest, AStreamShowsItsShardsAndHowFullTheyAre) {
  auto orders = make_stream("orders", 2);
  append(*orders, 1, "k", "payload");
  json stream = get("/v1/streams/orders")->answer();
  EXPECT_EQ(stream["name"], "orders");
  EXPECT_EQ(stream["status"], "active");
  EXPECT_EQ(stream["retention_hours"], 24);
  EXPECT_EQ(stream["created"], "2026-01-31T10:00:00.000Z");
  EXPECT_EQ(stream["fenced"], nullptr);
  EXPECT_EQ(stream["damage"], json::array());
  ASSERT_EQ(stream["shards"].size(), 2u);
  EXPECT_EQ(stream["shards"][1]["shard_id"], "shardId-000000000001");
  EXPECT_EQ(stream["shards"][1]["first_offset"], 0);
  EXPECT_EQ(stream["shards"][1]["end_offset"], 1);
  EXPECT_EQ(stream["shards"][1]["hash_range"][1], "340282366920938463463374607431768211455");
  EXPECT_EQ(get("/v1/streams")->answer()["streams"][0], stream);
  EXPECT_EQ(get("/v1/streams/none")->status(), 404);
}

TEST_F(StreamRoutesTest, AShardThatWasSplitIsShownClosedWithItsChildren) {
  auto orders = make_stream("orders", 1);
  split(*orders, 0);
  json shards = get("/v1/streams/orders")->answer()["shards"];
  ASSERT_EQ(shards.size(), 3u);
  EXPECT_TRUE(shards[0]["closed"].is_string());
  EXPECT_EQ(shards[0]["parents"], json::array());
  EXPECT_EQ(shards[2]["closed"], nullptr);
  EXPECT_EQ(shards[2]["parents"], json::array({"shardId-000000000000"}));
}

TEST_F(StreamRoutesTest, AStreamThatCouldNotBeOpenedIsShownWithWhy) {
  stream::StreamSpec spec;
  spec.name = "old";
  parts.bad_streams.push_back({spec, {Fault::corrupt, "segment 3 is of another stream"}});
  json stream = get("/v1/streams/old")->answer();
  EXPECT_EQ(stream["status"], "error");
  EXPECT_EQ(stream["error"], "segment 3 is of another stream");
  auto records = get("/v1/streams/old/records", {{"shard", "0"}});
  EXPECT_EQ(records->status(), 500);
  EXPECT_EQ(records->answer()["error"]["message"], "segment 3 is of another stream");
}

TEST_F(StreamRoutesTest, RecordsComeInPagesThatLeadOn) {
  auto orders = make_stream("orders", 1);
  for (int i = 0; i < 5; ++i) append(*orders, 0, "k", std::to_string(i));

  json first = get("/v1/streams/orders/records", {{"shard", "0"}, {"limit", "3"}})->answer();
  ASSERT_EQ(first["records"].size(), 3u);
  EXPECT_EQ(first["records"][2]["data"], "2");
  EXPECT_EQ(first["next_offset"], 3);
  EXPECT_EQ(first["end_offset"], 5);

  json second =
      get("/v1/streams/orders/records", {{"shard", "shardId-000000000000"}, {"offset", "3"}})
          ->answer();
  ASSERT_EQ(second["records"].size(), 2u);
  EXPECT_EQ(second["records"][0]["offset"], 3);
  EXPECT_EQ(second["next_offset"], 5);

  json none = get("/v1/streams/orders/records", {{"shard", "0"}, {"from", "latest"}})->answer();
  EXPECT_EQ(none["records"], json::array());
  EXPECT_EQ(none["next_offset"], 5);
  EXPECT_EQ(none["ended"], false);

  split(*orders, 0);
  EXPECT_EQ(get("/v1/streams/orders/records", {{"shard", "0"}, {"limit", "3"}})->answer()["ended"],
            false);
  EXPECT_EQ(get("/v1/streams/orders/records", {{"shard", "0"}})->answer()["ended"], true);
}

TEST_F(StreamRoutesTest, APageThatWouldBeHugeEndsEarlyAndLeadsOn) {
  auto orders = make_stream("orders", 1);
  std::string megabyte(1u << 20, 'x');
  for (int i = 0; i < 20; ++i) append(*orders, 0, "k", megabyte);
  json page = get("/v1/streams/orders/records", {{"shard", "0"}})->answer();
  EXPECT_GE(page["records"].size(), 10u);
  EXPECT_LT(page["records"].size(), 20u);
  EXPECT_EQ(page["next_offset"], page["records"].size());
}

TEST_F(StreamRoutesTest, WhatIsAskedWronglyIsNamed) {
  make_stream("orders", 2);
  auto ask = [&](std::map<std::string, std::string> query) {
    return get("/v1/streams/orders/records", std::move(query))->status();
  };
  EXPECT_EQ(ask({}), 400);
  EXPECT_EQ(ask({{"shard", "2"}}), 404);
  EXPECT_EQ(ask({{"shard", "x"}}), 404);
  EXPECT_EQ(ask({{"shard", "0"}, {"offset", "1"}}), 400);  // beyond the end
  EXPECT_EQ(ask({{"shard", "0"}, {"offset", "0"}, {"from", "latest"}}), 400);
  EXPECT_EQ(ask({{"shard", "0"}, {"from", "now"}}), 400);
  EXPECT_EQ(ask({{"shard", "0"}, {"limit", "100001"}}), 400);
  EXPECT_EQ(ask({{"shard", "0"}, {"wait_ms", "-1"}}), 400);
  EXPECT_EQ(get("/v1/streams/none/records", {{"shard", "0"}})->status(), 404);
  EXPECT_EQ(get("/v1/streams/none/tail")->status(), 404);
  EXPECT_EQ(get("/v1/streams/orders/tail", {{"from", "now"}})->status(), 400);
}

TEST_F(StreamRoutesTest, AWaitEndsWithTheFirstRecord) {
  auto orders = make_stream("orders", 2);
  auto peer = get("/v1/streams/orders/records", {{"shard", "1"}, {"wait_ms", "300000"}});
  append(*orders, 0, "k", "of another shard");
  EXPECT_FALSE(peer->answered());
  append(*orders, 1, "k", "mine");
  EXPECT_EQ(peer->answer()["records"][0]["data"], "mine");
}

TEST_F(StreamRoutesTest, AWaitEndsWithTheShard) {
  auto orders = make_stream("orders", 2);
  auto peer = get("/v1/streams/orders/records", {{"shard", "1"}, {"wait_ms", "300000"}});
  split(*orders, 0);
  EXPECT_FALSE(peer->answered());
  split(*orders, 1);
  json page = peer->answer();
  EXPECT_EQ(page["records"], json::array());
  EXPECT_EQ(page["ended"], true);
}

TEST_F(StreamRoutesTest, AWaitThatSeesNothingEndsEmpty) {
  make_stream("orders", 1);
  json page = get("/v1/streams/orders/records", {{"shard", "0"}, {"wait_ms", "1"}})->answer();
  EXPECT_EQ(page["records"], json::array());
  EXPECT_EQ(page["next_offset"], 0);
}

TEST_F(StreamRoutesTest, ATailBeginsWhereItIsTold) {
  auto orders = make_stream("orders", 2);
  append(*orders, 0, "k", "old");
  auto whole = get("/v1/streams/orders/tail", {{"from", "trim-horizon"}, {"limit", "2"}});
  auto live = get("/v1/streams/orders/tail", {{"limit", "1"}});
  append(*orders, 1, "k", "new");
  EXPECT_EQ(whole->lines_to_the_end().size(), 2u);
  auto lines = live->lines_to_the_end();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["data"], "new");
}

TEST_F(StreamRoutesTest, OpenAnswersEndWithTheApiAndNothingIsBegunAfterIt) {
  make_stream("orders", 1);
  auto live = get("/v1/streams/orders/tail");
  auto waiting = get("/v1/streams/orders/records", {{"shard", "0"}, {"wait_ms", "300000"}});
  api.reset();
  EXPECT_TRUE(live->ended());
  EXPECT_FALSE(waiting->answered());
  EXPECT_EQ(get("/livez")->status(), 503);
}

}  // namespace
}  // namespace tailrace::admin
