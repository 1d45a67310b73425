#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "aws/event_stream.h"
#include "aws/kinesis/data_plane.h"
#include "aws/kinesis/model.h"
#include "aws/testing/event_stream_reader.h"
#include "base/base64.h"
#include "base/memory_directory.h"
#include "stream/testing/resharding.h"

namespace tailrace::aws::kinesis::testing {

// Tests wait for other threads at most so long: for ever, as long as they pass.
inline constexpr std::chrono::minutes patience{1};

// Stands still until a test moves it. Any thread may look.
class ManualClock final : public Clock {
 public:
  UnixMicros now() override { return UnixMicros{std::chrono::seconds{1'700'000'000}} + passed(); }
  std::chrono::steady_clock::time_point steady() override {
    return std::chrono::steady_clock::time_point{std::chrono::hours{1}} + passed();
  }
  void pass(std::chrono::milliseconds time) { passed_ms_ += time.count(); }

 private:
  std::chrono::milliseconds passed() const { return std::chrono::milliseconds{passed_ms_}; }
  std::atomic<std::int64_t> passed_ms_{0};
};

// Timers that fire when the test lets time pass.
class ManualTimers final : public Timers {
 public:
  explicit ManualTimers(ManualClock& clock) : clock_(clock) {}

  Timer after(std::chrono::milliseconds delay, std::function<void()> call) override {
    auto due = std::make_shared<Due>(Due{clock_.steady() + delay, std::move(call)});
    std::lock_guard lock(mutex_);
    all_.push_back(due);
    return due;
  }
  void pass(std::chrono::milliseconds time) {
    clock_.pass(time);
    std::vector<std::shared_ptr<Due>> ready;
    {
      std::lock_guard lock(mutex_);
      std::erase_if(all_, [&](const std::weak_ptr<Due>& weak) {
        auto due = weak.lock();
        if (due && due->at <= clock_.steady()) ready.push_back(due);
        return !due || due->at <= clock_.steady();
      });
    }
    for (const auto& due : ready) due->call();
  }
  bool any_set() {
    std::lock_guard lock(mutex_);
    return std::any_of(all_.begin(), all_.end(), [](const auto& weak) { return !weak.expired(); });
  }

 private:
  struct Due {
    std::chrono::steady_clock::time_point at;
    std::function<void()> call;
  };
  ManualClock& clock_;
  std::mutex mutex_;
  std::vector<std::weak_ptr<Due>> all_;
};

// A disk that stands still from its next sync on until it is let go.
class HeldDisk {
 public:
  explicit HeldDisk(MemoryDirectory& disk) {
    disk.on_sync([state = state_, go_on = state_->go_on.get_future().share()] {
      if (!state->is_held.exchange(true)) state->held.set_value();
      go_on.wait();
    });
  }
  ~HeldDisk() { let_go(); }
  void wait_until_held() { state_->held.get_future().wait(); }
  void let_go() {
    if (!std::exchange(let_go_, true)) state_->go_on.set_value();
  }

 private:
  struct State {
    std::promise<void> held, go_on;
    std::atomic<bool> is_held{false};
  };
  // The disk may sync after the test is over.
  std::shared_ptr<State> state_ = std::make_shared<State>();
  bool let_go_ = false;
};

// What came back, whole or in chunks.
class HeldResponder final : public http::Responder {
 public:
  void send(http::Response response) override {
    std::lock_guard lock(mutex_);
    EXPECT_FALSE(response_.has_value()) << "answered twice";
    response_ = std::move(response);
    changed_.notify_all();
  }
  void send(int, std::string, http::Headers, std::shared_ptr<const std::string>) override {
    ADD_FAILURE() << "shares a body";
  }
  void start(int status, std::string content_type, http::Headers) override {
    std::lock_guard lock(mutex_);
    EXPECT_EQ(status, 200);
    content_type_ = std::move(content_type);
  }
  void write(std::string chunk, std::function<void(bool)> done) override {
    {
      std::lock_guard lock(mutex_);
      EXPECT_FALSE(pending_) << "two chunks at a time";
      EXPECT_FALSE(ended_);
      events_ += chunk;
      if (!takes_) pending_ = std::exchange(done, nullptr);
      changed_.notify_all();
    }
    if (done) done(true);
  }
  void end() override {
    std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  void on_gone(std::function<void()> gone) override {
    std::lock_guard lock(mutex_);
    gone_ = std::move(gone);
  }

  // ---- the test's side

  http::Response response() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, patience, [&] { return response_.has_value(); }));
    return response_.value_or(http::Response{});
  }
  bool answered() {
    std::lock_guard lock(mutex_);
    return response_.has_value();
  }
  // From now on chunks are taken, or stay on their way until take_chunk().
  void take_chunks(bool takes) {
    std::lock_guard lock(mutex_);
    takes_ = takes;
  }
  void take_chunk() {
    std::function<void(bool)> done;
    {
      std::lock_guard lock(mutex_);
      done = std::exchange(pending_, nullptr);
    }
    ASSERT_TRUE(done != nullptr);
    done(true);
  }
  void leave() {
    std::function<void()> gone;
    {
      std::lock_guard lock(mutex_);
      gone = gone_;
    }
    if (gone) gone();
  }
  // The next event, waited for.
  aws::testing::EventMessage event() {
    std::unique_lock lock(mutex_);
    std::optional<aws::testing::DecodedEvent> found;
    EXPECT_TRUE(changed_.wait_for(lock, patience, [&] {
      auto decoded = aws::testing::decode_event(events_);
      EXPECT_TRUE(decoded.has_value());
      if (decoded) found = std::move(*decoded);
      return found.has_value();
    }));
    if (!found) return {};
    events_.erase(0, found->bytes);
    return std::move(found->message);
  }
  bool has_event() {
    std::lock_guard lock(mutex_);
    return !events_.empty();
  }
  void wait_for_end() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, patience, [&] { return ended_; }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<http::Response> response_;
  std::string content_type_, events_;
  std::function<void(bool)> pending_;
  std::function<void()> gone_;
  bool takes_ = true;
  bool ended_ = false;
};

inline std::string header_of(const aws::testing::EventMessage& event, const std::string& name) {
  for (const auto& [key, value] : event.headers)
    if (key == name) return value;
  return "";
}

// A stream "orders" of two shards in memory, and the actions on its records.
class DataPlaneFixture : public ::testing::Test {
 protected:
  using Json = nlohmann::json;

  DataPlaneFixture() {
    stream::StreamSpec spec;
    spec.name = "orders";
    spec.incarnation = 0xabc;
    spec.created_seconds = 1'600'000'000;
    spec.shards = stream::initial_shards(2, spec.created_seconds);
    spec.consumers.push_back({.name = "billing", .created_seconds = 1'650'000'000});
    orders = *streams.open(spec);
  }

  // Changes the stream as the catalogue would.
  template <typename Change>
  void change(Change mutate) {
    auto spec = *orders->spec();
    mutate(spec);
    orders->adopt(spec);
  }
  void split_first_shard() { stream::testing::split(*orders, 0, ms()); }
  std::int64_t ms() { return now_ms(plane); }

  // Begins an action; what it answers comes to the responder.
  std::shared_ptr<HeldResponder> begin(const std::string& action, const Json& input,
                                       http::Headers headers = {}) {
    auto responder = std::make_shared<HeldResponder>();
    begin(responder, action, input, std::move(headers));
    return responder;
  }
  void begin(const std::shared_ptr<HeldResponder>& responder, const std::string& action,
             const Json& input, http::Headers headers = {}) {
    auto document = read_document(Codec::json, input.dump());
    ASSERT_TRUE(document.has_value()) << input;
    auto refused = check(*document, *input_of(action));
    ASSERT_FALSE(refused.has_value()) << refused->message;
    auto call = std::make_shared<Call>(std::move(*document), std::move(headers), http::Headers{},
                                       responder);
    for (auto& handled : plane.actions())
      if (handled.action == action) return handled.run(std::move(call));
    FAIL() << action;
  }
  Json ask(const std::string& action, const Json& input) {
    auto response = begin(action, input)->response();
    EXPECT_EQ(response.status, 200) << response.body;
    return Json::parse(response.body);
  }
  // "Type: message" of a call that fails.
  std::string failure(const std::string& action, const Json& input, int status = 400) {
    auto response = begin(action, input)->response();
    EXPECT_EQ(response.status, status) << response.body;
    auto body = Json::parse(response.body);
    return body.value("__type", "") + ": " + body.value("message", "");
  }

  // The keys "a" and "k1" belong to the first of two shards and to the second.
  Json put(const std::string& data, const std::string& key = "a") {
    return ask("PutRecord",
               {{"StreamName", "orders"}, {"PartitionKey", key}, {"Data", base64(data)}});
  }
  std::string iterator(const std::string& type, Json more = Json::object(),
                       const std::string& shard = "shardId-000000000000") {
    Json input = {{"StreamName", "orders"}, {"ShardId", shard}, {"ShardIteratorType", type}};
    input.update(more);
    return ask("GetShardIterator", input)["ShardIterator"];
  }
  Json get(const std::string& iterator, Json more = Json::object()) {
    Json input = {{"ShardIterator", iterator}};
    input.update(more);
    return ask("GetRecords", input);
  }
  static std::vector<std::string> data_of(const Json& answer) {
    std::vector<std::string> data;
    for (const auto& record : answer.at("Records"))
      data.push_back(from_base64(record.at("Data").get<std::string>()).value_or("not base64"));
    return data;
  }

  MemoryDirectory disk;
  ManualClock clock;
  std::shared_ptr<ManualTimers> shared_timers = std::make_shared<ManualTimers>(clock);
  ManualTimers& timers = *shared_timers;
  stream::Streams streams{disk, clock};
  std::shared_ptr<stream::Stream> orders;
  DataPlane plane{streams, Account{}, clock, shared_timers, std::string(32, 'k')};
};

}  // namespace tailrace::aws::kinesis::testing
