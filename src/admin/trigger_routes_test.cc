#include <gtest/gtest.h>

#include "admin/api_fixture.h"

namespace tailrace::admin {
namespace {

class TriggerRoutesTest : public ApiFixture {
 protected:
  TriggerRoutesTest() {
    delivery::Parked batch;
    batch.id = 3;
    batch.trigger = "orders/on-change";
    batch.stream = "orders";
    batch.function = "on-change";
    batch.shard = 1;
    batch.first = 10;
    batch.last = 19;
    batch.records = 10;
    batch.attempts = 4;
    batch.time = UnixMicros{std::chrono::seconds{1769853600}};
    batch.error = "{\"errorType\":\"ValueError\"}";
    batch.event = "{\"Records\":[]}";
    parts.all_deliveries.batches[3] = batch;
  }
};

TEST_F(TriggerRoutesTest, ATriggerShowsACursorPerShard) {
  delivery::TriggerSpec spec;
  spec.name = "orders/on-change";
  spec.id = "id-1";
  spec.stream = "orders";
  spec.function = "on-change";
  EXPECT_TRUE(parts.all_deliveries.put(spec));
  json trigger = get("/v1/triggers")->answer()["triggers"][0];
  EXPECT_EQ(trigger["name"], "orders/on-change");
  EXPECT_EQ(trigger["error"], "");
  ASSERT_EQ(trigger["cursors"].size(), 2u);
  EXPECT_EQ(trigger["cursors"][0]["next_offset"], 5);
  EXPECT_EQ(trigger["cursors"][0]["end_offset"], 9);
  EXPECT_EQ(trigger["cursors"][1]["shard_id"], "shardId-000000000001");
  EXPECT_EQ(trigger["cursors"][1]["attempt"], 2);
  EXPECT_EQ(trigger["cursors"][1]["last_error"], "boom");
}

TEST_F(TriggerRoutesTest, ATriggerThatCouldNotBeStartedIsShownWithWhy) {
  delivery::TriggerSpec spec;
  spec.name = "none/on-change";
  spec.id = "id-2";
  parts.bad_triggers.push_back({spec, {Fault::not_found, "no such stream: none"}});
  json trigger = get("/v1/triggers")->answer()["triggers"][0];
  EXPECT_EQ(trigger["name"], "none/on-change");
  EXPECT_EQ(trigger["error"], "no such stream: none");
}

TEST_F(TriggerRoutesTest, ParkedBatchesAreListedWithoutAndShownWithTheirEvent) {
  json list = get("/v1/parked")->answer()["parked"];
  ASSERT_EQ(list.size(), 1u);
  EXPECT_FALSE(list[0].contains("event"));
  json batch = get("/v1/parked/3")->answer();
  EXPECT_EQ(batch["event"], "{\"Records\":[]}");
  EXPECT_EQ(batch["shard_id"], "shardId-000000000001");
  EXPECT_EQ(batch["first_offset"], 10);
  EXPECT_EQ(batch["last_offset"], 19);
  EXPECT_EQ(batch["time"], "2026-01-31T10:00:00.000Z");
  EXPECT_EQ(batch["error"], "{\"errorType\":\"ValueError\"}");
  EXPECT_EQ(get("/v1/parked/4")->status(), 404);
  EXPECT_EQ(get("/v1/parked/x")->status(), 404);
}

TEST_F(TriggerRoutesTest, ABatchIsRedrivenOrDiscardedOnce) {
  EXPECT_EQ(post("/v1/parked/3/redrive")->status(), 200);
  EXPECT_EQ(post("/v1/parked/3/redrive")->status(), 404);
  EXPECT_EQ(remove("/v1/parked/3")->status(), 404);
  parts.all_deliveries.batches[4].id = 4;
  EXPECT_EQ(remove("/v1/parked/4")->status(), 200);
  EXPECT_EQ(get("/v1/parked")->answer()["parked"], json::array());
}

}  // namespace
}  // namespace tailrace::admin
