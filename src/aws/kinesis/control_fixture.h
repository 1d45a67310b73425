#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "aws/door.h"
#include "aws/kinesis/control.h"
#include "aws/kinesis/model.h"
#include "base/memory_directory.h"
#include "catalog/catalog.h"

namespace tailrace::aws::kinesis {

// The control plane behind its door, on a disk in memory and a catalogue in a temporary folder. The
// data plane's actions are there and answer nothing.
class ControlTest : public ::testing::Test {
 protected:
  using Json = nlohmann::json;

  class SetClock final : public Clock {
   public:
    UnixMicros now() override { return now_; }
    std::chrono::steady_clock::time_point steady() override { return {}; }
    void step(std::chrono::microseconds by) { now_ += by; }

   private:
    UnixMicros now_{std::chrono::milliseconds(1700000000500)};
  };

  struct Answer {
    int status = 0;
    Json body;  // null when it is empty
    std::string type() const { return body.is_object() ? body.value("__type", "") : ""; }
    std::string message() const { return body.is_object() ? body.value("message", "") : ""; }
  };

  ControlTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kinesis_test.XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    catalog_ = catalog::Catalog::open(folder_ + "/catalog.sqlite", clock_).value();
    streams_ = std::make_unique<stream::Streams>(disk_, clock_);
    operations_ = std::make_unique<catalog::StreamOperations>(*catalog_, *streams_, clock_);
    control_ =
        std::make_unique<Control>(Control{*streams_, *operations_, Account{}, clock_, blocking_});
    std::vector<Handled> handled = control_actions(*control_);
    for (std::string_view action :
         {"PutRecord", "PutRecords", "GetShardIterator", "GetRecords", "SubscribeToShard"})
      handled.push_back({action, [](const std::shared_ptr<Call>& call) { call->answer(); }});
    door_ = std::make_unique<Door>(Door::Options{"Kinesis_20131202", "kinesis"},
                                   operations_of(Account{}, std::move(handled)), nullptr);
  }
  ~ControlTest() override { std::filesystem::remove_all(folder_); }

  Answer ask(const std::string& action, const Json& input) {
    http::Request request;
    request.method = "POST";
    request.headers = {{"content-type", "application/x-amz-json-1.1"},
                       {"x-amz-target", "Kinesis_20131202." + action}};
    request.body = input.dump();
    auto responder = std::make_shared<PromisedAnswer>();
    std::future<http::Response> answered = responder->promise.get_future();
    door_->serve(std::move(request), std::move(responder));
    http::Response response = answered.get();
    return {response.status, response.body.empty() ? Json() : Json::parse(response.body)};
  }

  // Asks and expects success.
  Json must(const std::string& action, const Json& input) {
    Answer answer = ask(action, input);
    EXPECT_EQ(answer.status, 200) << action << " " << input << ": " << answer.body;
    return answer.body;
  }

  void expect_failure(const std::string& action, const Json& input, const std::string& type,
                      const std::string& message) {
    Answer answer = ask(action, input);
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.type(), type) << action << " " << input << ": " << answer.body;
    EXPECT_EQ(answer.message(), message);
  }

  void create(const std::string& name, int shards = 1) {
    must("CreateStream", {{"StreamName", name}, {"ShardCount", shards}});
  }

  // As a reload does after the configuration says so.
  void set_aws_limits(const std::string& name) {
    auto spec = catalog_->stream(name).value()->spec;
    spec.aws_limits = true;
    ASSERT_TRUE(catalog_->put(spec, catalog::Origin::yaml));
    ASSERT_TRUE(operations_->follow_catalog());
  }

  static std::string arn(const std::string& name) { return stream_arn(Account{}, name); }

  Json describe(const std::string& name) {
    return must("DescribeStreamSummary", {{"StreamName", name}})["StreamDescriptionSummary"];
  }

  // The numbers of the shards that are listed.
  std::vector<int> listed(Json input) {
    std::vector<int> numbers;
    Json answer = must("ListShards", input);
    for (const Json& shard : answer["Shards"])
      numbers.push_back(std::stoi(shard["ShardId"].get<std::string>().substr(8)));
    return numbers;
  }

  // Seconds since 1970, as JSON has times.
  double now() {
    auto since = std::chrono::floor<std::chrono::milliseconds>(clock_.now()).time_since_epoch();
    return static_cast<double>(since.count()) / 1000;
  }

  SetClock clock_;

 private:
  struct PromisedAnswer final : http::Responder {
    void send(http::Response response) override { promise.set_value(std::move(response)); }
    void send(int status, std::string content_type, http::Headers headers,
              std::shared_ptr<const std::string> body) override {
      promise.set_value({status, std::move(content_type), *body, std::move(headers)});
    }
    void start(int, std::string, http::Headers) override { FAIL(); }
    void write(std::string, std::function<void(bool)>) override { FAIL(); }
    void end() override { FAIL(); }
    void on_gone(std::function<void()>) override {}

    std::promise<http::Response> promise;
  };

  std::string folder_;
  MemoryDirectory disk_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<stream::Streams> streams_;

 protected:
  std::unique_ptr<catalog::StreamOperations> operations_;

 private:
  BlockingPool blocking_{{.name = "blocking", .threads_max = 1, .queue_max = 8}};
  std::unique_ptr<Control> control_;
  std::unique_ptr<Door> door_;
};

}  // namespace tailrace::aws::kinesis
