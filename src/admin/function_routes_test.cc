#include <gtest/gtest.h>

#include "admin/api_fixture.h"

namespace tailrace::admin {
namespace {

class FunctionRoutesTest : public ApiFixture {
 protected:
  FunctionRoutesTest() {
    function::FunctionSpec spec;
    spec.name = "on-change";
    spec.handler = "app.handler";
    EXPECT_TRUE(parts.all_functions.put(spec));
  }
  using Outcome = function::InvokeResult::Outcome;
};

TEST_F(FunctionRoutesTest, AFunctionShowsItsSettingsAndCounts) {
  json function = get("/v1/functions/on-change")->answer();
  EXPECT_EQ(function["runtime"], "python3");
  EXPECT_EQ(function["handler"], "app.handler");
  EXPECT_EQ(function["timeout_ms"], 3000);
  EXPECT_EQ(function["invocations"], 4);
  EXPECT_EQ(function["duration_ms_mean"], 1.5);
  EXPECT_EQ(get("/v1/functions")->answer()["functions"][0], function);
  EXPECT_EQ(get("/v1/functions/none")->status(), 404);
}

TEST_F(FunctionRoutesTest, AFunctionThatCannotRunSaysWhyEverywhere) {
  function::FunctionSpec spec;
  spec.name = "broken";
  parts.bad_functions.push_back({spec, {Fault::invalid, "no file app.py in /code"}});
  delivery::TriggerSpec trigger;
  trigger.name = "orders/broken";
  trigger.function = "broken";
  EXPECT_TRUE(parts.all_deliveries.put(trigger));

  EXPECT_EQ(get("/v1/functions/broken")->answer()["last_error"], "no file app.py in /code");
  EXPECT_EQ(get("/v1/triggers")->answer()["triggers"][0]["error"], "no file app.py in /code");
  auto invoked = post("/v1/functions/broken/invoke");
  EXPECT_EQ(invoked->status(), 400);
  EXPECT_EQ(invoked->answer()["error"]["message"], "no file app.py in /code");
}

TEST_F(FunctionRoutesTest, AFunctionThatRunsInItsOldFormIsOneEntryWithTheError) {
  function::FunctionSpec spec;
  spec.name = "on-change";
  parts.bad_functions.push_back({spec, {Fault::invalid, "no file app.py in /code"}});
  json functions = get("/v1/functions")->answer()["functions"];
  ASSERT_EQ(functions.size(), 1u);
  EXPECT_EQ(functions[0]["invocations"], 4);
  EXPECT_EQ(functions[0]["last_error"], "no file app.py in /code");
}

TEST_F(FunctionRoutesTest, AnInvocationAnswersWithItsOutcome) {
  parts.all_functions.result = {Outcome::function_error, "{\"errorType\":\"ValueError\"}", "r-1",
                                "line\n", std::chrono::microseconds{2500}};
  auto peer = post("/v1/functions/on-change/invoke", "{\"a\":1}");
  EXPECT_EQ(peer->status(), 200);
  json answer = peer->answer();
  EXPECT_EQ(answer["outcome"], "function_error");
  EXPECT_EQ(answer["payload"], "{\"errorType\":\"ValueError\"}");
  EXPECT_EQ(answer["request_id"], "r-1");
  EXPECT_EQ(answer["duration_ms"], 2.5);
  EXPECT_EQ(answer["log_tail"], "line\n");
  EXPECT_EQ(parts.all_functions.event, "{\"a\":1}");
}

TEST_F(FunctionRoutesTest, WhatCouldNotBeRunIsUnavailable) {
  parts.all_functions.result.outcome = Outcome::throttled;
  EXPECT_EQ(post("/v1/functions/on-change/invoke", "{}")->status(), 503);
  parts.all_functions.result = {Outcome::failed, "no python3 here", "", "", {}};
  auto peer = post("/v1/functions/on-change/invoke", "{}");
  EXPECT_EQ(peer->status(), 503);
  EXPECT_EQ(peer->answer()["error"]["message"], "no python3 here");
}

TEST_F(FunctionRoutesTest, AnEventMustBeJson) {
  EXPECT_EQ(post("/v1/functions/on-change/invoke", "{\"a\":")->status(), 400);
  EXPECT_EQ(post("/v1/functions/none/invoke", "{}")->status(), 404);
  parts.all_functions.result.outcome = Outcome::ok;
  EXPECT_EQ(post("/v1/functions/on-change/invoke")->status(), 200);
  EXPECT_EQ(parts.all_functions.event, "{}");
}

TEST_F(FunctionRoutesTest, LogLinesAreReadOnFromANumberAndWaitedFor) {
  parts.all_functions.print("one");
  parts.all_functions.print("two");
  json lines = get("/v1/functions/on-change/logs", {{"after", "1"}})->answer()["lines"];
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["number"], 2);
  EXPECT_EQ(lines[0]["text"], "two");
  EXPECT_EQ(lines[0]["request_id"], "r-1");
  EXPECT_EQ(get("/v1/functions/on-change/logs", {{"limit", "1"}})->answer()["lines"].size(), 1u);

  auto peer = get("/v1/functions/on-change/logs", {{"after", "2"}, {"wait_ms", "300000"}});
  EXPECT_FALSE(peer->answered());
  parts.all_functions.print("three");
  EXPECT_EQ(peer->answer()["lines"][0]["text"], "three");
  EXPECT_EQ(get("/v1/functions/none/logs")->status(), 404);
}

TEST_F(FunctionRoutesTest, AWaitingPeerThatLeavesIsForgotten) {
  auto peer = get("/v1/functions/on-change/logs", {{"wait_ms", "300000"}});
  EXPECT_EQ(parts.all_functions.wakes.count(), 1u);
  peer->leave();
  EXPECT_EQ(parts.all_functions.wakes.count(), 0u);
  parts.all_functions.print("one");
  EXPECT_FALSE(peer->answered());
}

}  // namespace
}  // namespace tailrace::admin
