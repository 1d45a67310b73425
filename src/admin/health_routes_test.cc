#include <gtest/gtest.h>

#include "admin/api_fixture.h"

namespace tailrace::admin {
namespace {

class HealthRoutesTest : public ApiFixture {};

TEST_F(HealthRoutesTest, LiveMeansThatTheProcessAnswers) {
  parts.checks = {{"stream orders", false, "fenced"}};
  auto peer = get("/livez");
  EXPECT_EQ(peer->status(), 200);
  EXPECT_EQ(peer->answer()["status"], "ok");
}

TEST_F(HealthRoutesTest, ReadyMeansThatEveryCheckPasses) {
  auto peer = get("/readyz");
  EXPECT_EQ(peer->status(), 200);
  EXPECT_EQ(peer->answer(), json({{"status", "ok"}}));
  EXPECT_EQ(get("/readyz", {{"verbose", ""}})->answer()["checks"][0]["name"], "start");
}

TEST_F(HealthRoutesTest, WhatFailsIsNamedEvenWithoutAsking) {
  parts.checks.push_back({"stream orders", false, "fenced: fdatasync failed"});
  auto peer = get("/readyz");
  EXPECT_EQ(peer->status(), 503);
  json answer = peer->answer();
  EXPECT_EQ(answer["status"], "failing");
  EXPECT_EQ(answer["checks"][1]["ok"], false);
  EXPECT_EQ(answer["checks"][1]["reason"], "fenced: fdatasync failed");
}

TEST_F(HealthRoutesTest, StatusTellsEverythingAtOnce) {
  make_stream("orders", 1);
  make_task("products", "orders");
  json status = get("/v1/status")->answer();
  EXPECT_EQ(status["version"], "1.2.3");
  EXPECT_EQ(status["started"], "2026-01-31T10:00:00.000Z");
  EXPECT_EQ(status["data"], "/data");
  EXPECT_EQ(status["admin"], "127.0.0.1:4590");
  EXPECT_EQ(status["tasks"][0]["name"], "products");
  EXPECT_EQ(status["streams"][0]["name"], "orders");
  EXPECT_EQ(status["functions"], json::array());
  EXPECT_EQ(status["triggers"], json::array());
}

}  // namespace
}  // namespace tailrace::admin
