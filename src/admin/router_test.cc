#include "admin/router.h"

#include <gtest/gtest.h>

#include "admin/api_fixture.h"

namespace tailrace::admin {
namespace {

class RouterTest : public testing::Test {
 protected:
  RouterTest() {
    router.add("GET", "/v1/things/{}", [this](const Call& call) { called("GET", call); });
    router.add("POST", "/v1/things/{}/turn", [this](const Call& call) { called("POST", call); });
    router.add("DELETE", "/v1/things/{}", [this](const Call& call) { called("DELETE", call); });
  }
  void called(const std::string& method, const Call& call) {
    answered = method + " " + call.names.at(0);
    call.responder->send({});
  }
  std::shared_ptr<FakePeer> ask(std::string method, std::string path,
                                std::vector<std::pair<std::string, std::string>> headers = {}) {
    auto peer = std::make_shared<FakePeer>();
    http::Request request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.headers = std::move(headers);
    router.route(std::move(request), peer);
    return peer;
  }

  Router router;
  std::string answered;
};

TEST_F(RouterTest, ThePathsNamesReachTheAnswerer) {
  EXPECT_EQ(ask("GET", "/v1/things/a")->status(), 200);
  EXPECT_EQ(answered, "GET a");
  EXPECT_EQ(ask("POST", "/v1/things/b/turn", {{"content-type", "application/json"}})->status(),
            200);
  EXPECT_EQ(answered, "POST b");
}

TEST_F(RouterTest, APathThatNobodyKnowsIsNotFound) {
  for (const char* path : {"/", "", "/v1", "/v1/things", "/v1/things/", "/v1/things/a/",
                           "/v1/things/a/turn/b", "v1/things/a"}) {
    auto peer = ask("GET", path);
    EXPECT_EQ(peer->status(), 404) << path;
    EXPECT_EQ(peer->answer()["error"]["fault"], "not_found");
  }
}

TEST_F(RouterTest, AnotherMethodIsToldWhichOnesThereAre) {
  auto peer = ask("PUT", "/v1/things/a");
  EXPECT_EQ(peer->status(), 405);
  EXPECT_EQ(peer->header("Allow"), "GET, DELETE");
  EXPECT_EQ(ask("GET", "/v1/things/a/turn")->status(), 405);
}

TEST_F(RouterTest, AWriteThatABrowserCouldSendUnaskedIsRefused) {
  for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded",
                           "multipart/form-data", "text/plain; application/json"}) {
    EXPECT_EQ(ask("POST", "/v1/things/a/turn", {{"content-type", type}})->status(), 403) << type;
    EXPECT_EQ(ask("DELETE", "/v1/things/a", {{"content-type", type}})->status(), 403) << type;
  }
  EXPECT_EQ(answered, "");
  EXPECT_EQ(ask("DELETE", "/v1/things/a", {{"content-type", "Application/JSON; charset=utf-8"}})
                ->status(),
            200);
}

TEST_F(RouterTest, APageOfAnotherOriginIsRefusedEvenToRead) {
  auto from = [&](std::string method, std::string origin) {
    return ask(std::move(method), "/v1/things/a",
               {{"content-type", "application/json"},
                {"host", "127.0.0.1:4590"},
                {"origin", std::move(origin)}})
        ->status();
  };
  for (const char* origin :
       {"http://evil.example", "null", "http://127.0.0.1:3000", "127.0.0.1:4590",
        "http://127.0.0.1:4590.evil.example", "file://127.0.0.1:4590"}) {
    EXPECT_EQ(from("GET", origin), 403) << origin;
    EXPECT_EQ(from("DELETE", origin), 403) << origin;
  }
  EXPECT_EQ(answered, "");
  EXPECT_EQ(from("DELETE", "http://127.0.0.1:4590"), 200);
}

}  // namespace
}  // namespace tailrace::admin
