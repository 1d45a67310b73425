#include <gtest/gtest.h>

#include "admin/api_fixture.h"

namespace tailrace::admin {
namespace {

class TaskRoutesTest : public ApiFixture {
 protected:
  TaskRoutesTest() {
    orders = make_stream("orders", 2);
    products = make_task("products", "orders");
  }
  std::shared_ptr<FakePeer> wait(std::map<std::string, std::string> query) {
    return get("/v1/tasks/products/wait", std::move(query));
  }

  std::shared_ptr<stream::Stream> orders;
  std::shared_ptr<FakeTask> products;
};

TEST_F(TaskRoutesTest, ATaskShowsAllThatTheDocumentationNames) {
  json task = get("/v1/tasks/products")->answer();
  for (const char* key :
       {"name", "state", "error", "warnings", "stream", "migration_type", "message_format",
        "durable_lsn", "server_lsn", "lag_seconds", "retained_wal_bytes", "kept_aside_bytes",
        "transactions", "changes", "bytes", "reconnects", "tables"})
    EXPECT_TRUE(task.contains(key)) << key;
  EXPECT_EQ(task["state"], "running");
  EXPECT_EQ(task["durable_lsn"], "0/0");
  EXPECT_EQ(get("/v1/tasks")->answer()["tasks"][0], task);
  EXPECT_EQ(get("/v1/tasks/none")->status(), 404);
}

TEST_F(TaskRoutesTest, TheSourceWithItsPasswordIsNeverShown) {
  capture::TaskStatus status;
  status.spec.name = "secret";
  status.spec.source = "postgresql://u:hunter2@h/d";
  parts.all_tasks["secret"] = std::make_shared<FakeTask>(status);
  get("/v1/tasks/secret")->answer();
  for (const char* path : {"/v1/tasks/secret", "/v1/status", "/metrics"}) {
    auto peer = get(path);
    EXPECT_EQ(peer->status(), 200);
    EXPECT_EQ(peer->body().find("hunter2"), std::string::npos) << path;
  }
}

TEST_F(TaskRoutesTest, StopAndStartAnswerWithTheStateAfterThem) {
  EXPECT_EQ(post("/v1/tasks/products/stop")->answer()["state"], "stopped");
  EXPECT_EQ(post("/v1/tasks/products/start")->answer()["state"], "running");
  EXPECT_EQ(post("/v1/tasks/products/stop")->answer()["state"], "stopped");
  EXPECT_EQ(post("/v1/tasks/products/resume")->answer()["state"], "running");
  auto none = post("/v1/tasks/none/stop");
  EXPECT_EQ(none->status(), 404);
}

TEST_F(TaskRoutesTest, ATaskThatCouldNotBeMadeSaysWhy) {
  capture::TaskStatus broken;
  broken.spec.name = "broken";
  broken.state = capture::TaskState::failed;
  broken.error = Error{Fault::not_found, "its stream x is not open"};
  parts.broken_tasks.push_back(broken);
  EXPECT_EQ(get("/v1/tasks/broken")->answer()["error"]["message"], "its stream x is not open");
  auto peer = post("/v1/tasks/broken/start");
  EXPECT_EQ(peer->status(), 404);
  EXPECT_EQ(peer->answer()["error"]["message"], "its stream x is not open");
}

TEST_F(TaskRoutesTest, ReloadForgetsTheProgressAndStartsAgain) {
  products->make_durable({0x100});
  json task = post("/v1/tasks/products/reload")->answer();
  EXPECT_EQ(task["durable_lsn"], "0/0");
  EXPECT_EQ(task["state"], "running");
}

TEST_F(TaskRoutesTest, TheConfigurationIsReadAgain) {
  parts.reloaded = std::vector<std::string>{"stream b: created with 3 shards"};
  EXPECT_EQ(post("/v1/reload")->answer()["done"][0], "stream b: created with 3 shards");
  parts.reloaded = Error{Fault::invalid, "tailrace.yaml:3:1: unknown key"};
  auto peer = post("/v1/reload");
  EXPECT_EQ(peer->status(), 400);
  EXPECT_EQ(peer->answer()["error"]["message"], "tailrace.yaml:3:1: unknown key");
}

TEST_F(TaskRoutesTest, AWaitEndsWhenTheLsnIsDurable) {
  auto peer = wait({{"lsn", "0/100"}});
  products->wait_for_waits(1);
  EXPECT_FALSE(peer->answered());
  products->make_durable({0x100});
  json answer = peer->answer();
  EXPECT_EQ(answer["lsn"], "0/100");
  EXPECT_EQ(answer["durable"], true);
}

TEST_F(TaskRoutesTest, AWaitOutlastsItsSlices) {
  auto peer = wait({{"lsn", "0/100"}, {"timeout_ms", "60000"}});
  products->wait_for_waits(3);
  EXPECT_FALSE(peer->answered());
  products->make_durable({0x100});
  EXPECT_EQ(peer->status(), 200);
}

TEST_F(TaskRoutesTest, AWaitThatIsOverInTimeSaysTimeout) {
  EXPECT_EQ(wait({{"lsn", "0/100"}, {"timeout_ms", "1"}})->status(), 504);
}

TEST_F(TaskRoutesTest, AWaitForATaskThatStopsEndsWithItsState) {
  auto peer = wait({{"lsn", "0/100"}});
  products->wait_for_waits(1);
  products->stop();
  EXPECT_EQ(peer->status(), 409);
}

TEST_F(TaskRoutesTest, DeliveredWaitsForEveryTriggerUpToTheEndsOfThatMoment) {
  append(*orders, 1, "k", "a");
  products->make_durable({0x100});
  auto peer = wait({{"lsn", "0/100"}, {"delivered", "true"}});
  // It is asked about the stream's ends as soon as the LSN is durable.
  while (parts.all_deliveries.wakes.count() == 0) std::this_thread::yield();
  EXPECT_FALSE(peer->answered());
  parts.all_deliveries.deliver_all();
  EXPECT_EQ(peer->answer()["delivered"], true);
  EXPECT_EQ(parts.all_deliveries.asked_ends,
            (std::vector<std::pair<ShardNumber, Offset>>{{0, 0}, {1, 1}}));
}

TEST_F(TaskRoutesTest, DeliveredInTimeOrTimeout) {
  products->make_durable({0x100});
  auto peer = wait({{"lsn", "0/100"}, {"delivered", ""}, {"timeout_ms", "1"}});
  EXPECT_EQ(peer->status(), 504);
}

TEST_F(TaskRoutesTest, MoreWaitsThanThreadsStillEachEnd) {
  std::vector<std::shared_ptr<FakePeer>> peers;
  for (int i = 1; i <= 40; ++i)
    peers.push_back(wait({{"lsn", to_string(Lsn{static_cast<std::uint64_t>(i)})}}));
  products->make_durable({40});
  for (auto& peer : peers) EXPECT_EQ(peer->status(), 200);
}

TEST_F(TaskRoutesTest, WhatIsAskedWronglyIsNamed) {
  EXPECT_EQ(wait({})->status(), 400);
  EXPECT_EQ(wait({{"lsn", "16"}})->status(), 400);
  EXPECT_EQ(wait({{"lsn", "0/1"}, {"delivered", "maybe"}})->status(), 400);
  EXPECT_EQ(wait({{"lsn", "0/1"}, {"timeout_ms", "3600001"}})->status(), 400);
  EXPECT_EQ(get("/v1/tasks/none/wait", {{"lsn", "0/1"}})->status(), 404);
}

}  // namespace
}  // namespace tailrace::admin
