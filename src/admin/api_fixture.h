#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "admin/admin.h"
#include "base/memory_directory.h"
#include "stream/testing/resharding.h"

// What the tests of the API share: the parts as they would be, with the peers played by hand.
namespace tailrace::admin {

using json = nlohmann::json;

// Longer than anything takes; a test that waits this long has failed.
inline constexpr std::chrono::seconds test_patience{20};

// A peer. It takes a chunk only when the test lets it.
class FakePeer final : public http::Responder {
 public:
  void send(http::Response response) override {
    std::lock_guard lock(mutex_);
    EXPECT_FALSE(status_) << "answered twice";
    status_ = response.status;
    body_ = std::move(response.body);
    headers_ = std::move(response.headers);
    ended_ = true;
    changed_.notify_all();
  }
  void send(int status, std::string, std::vector<std::pair<std::string, std::string>> headers,
            std::shared_ptr<const std::string> body) override {
    send({status, {}, *body, std::move(headers)});
  }
  void start(int status, std::string, http::Headers) override {
    std::lock_guard lock(mutex_);
    EXPECT_FALSE(status_) << "answered twice";
    status_ = status;
    changed_.notify_all();
  }
  void write(std::string chunk, std::function<void(bool)> done) override {
    std::lock_guard lock(mutex_);
    EXPECT_FALSE(taken_) << "a second write before the first was taken";
    EXPECT_FALSE(chunk.empty());
    body_ += chunk;
    ++chunks_;
    taken_ = std::move(done);
    changed_.notify_all();
  }
  void end() override {
    std::lock_guard lock(mutex_);
    EXPECT_FALSE(ended_) << "ended twice";
    ended_ = true;
    changed_.notify_all();
  }
  void on_gone(std::function<void()> gone) override {
    std::lock_guard lock(mutex_);
    gone_ = std::move(gone);
  }

  // Waits for the whole answer, taking each chunk.
  json answer() {
    take_until([this] { return ended_; });
    std::lock_guard lock(mutex_);
    return json::parse(body_, nullptr, false);
  }
  int status() {
    wait([this] { return status_.has_value(); });
    std::lock_guard lock(mutex_);
    return status_.value_or(0);
  }
  // Takes chunks until this many lines came.
  std::vector<json> lines(std::size_t count) {
    take_until([&] { return lines_now() >= count; });
    return all_lines();
  }
  std::vector<json> lines_to_the_end() {
    take_until([this] { return ended_; });
    return all_lines();
  }
  void wait_for_chunk() {
    wait([this] { return static_cast<bool>(taken_); });
  }
  void take_chunk(bool taken) {
    std::function<void(bool)> done;
    {
      std::lock_guard lock(mutex_);
      done = std::exchange(taken_, nullptr);
    }
    done(taken);
  }
  void leave() {
    std::function<void()> gone;
    {
      std::lock_guard lock(mutex_);
      gone = std::exchange(gone_, nullptr);
    }
    if (gone) gone();
  }
  bool answered() {
    std::lock_guard lock(mutex_);
    return status_.has_value();
  }
  bool ended() {
    std::lock_guard lock(mutex_);
    return ended_;
  }
  std::size_t chunks() {
    std::lock_guard lock(mutex_);
    return chunks_;
  }
  std::string body() {
    std::lock_guard lock(mutex_);
    return body_;
  }
  std::string header(const std::string& name) {
    std::lock_guard lock(mutex_);
    for (auto& [key, value] : headers_)
      if (key == name) return value;
    return {};
  }

 private:
  template <typename Condition>
  void wait(Condition condition) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, test_patience, condition)) << "so far: " << body_;
  }
  template <typename Condition>
  void take_until(Condition condition) {
    for (;;) {
      std::function<void(bool)> done;
      {
        std::unique_lock lock(mutex_);
        bool moved = changed_.wait_for(lock, test_patience,
                                       [&] { return condition() || static_cast<bool>(taken_); });
        EXPECT_TRUE(moved) << "so far: " << body_;
        if (!moved || !taken_) return;
        done = std::exchange(taken_, nullptr);
      }
      done(true);
    }
  }
  std::size_t lines_now() const {
    return static_cast<std::size_t>(std::count(body_.begin(), body_.end(), '\n'));
  }
  std::vector<json> all_lines() {
    std::lock_guard lock(mutex_);
    std::vector<json> lines;
    std::istringstream text(body_);
    for (std::string line; std::getline(text, line);) lines.push_back(json::parse(line));
    return lines;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<int> status_;
  std::string body_;
  std::vector<std::pair<std::string, std::string>> headers_;
  std::function<void(bool)> taken_;
  std::function<void()> gone_;
  std::size_t chunks_ = 0;
  bool ended_ = false;
};

class Wakes {
 public:
  std::uint64_t subscribe(std::function<void()> wake) {
    std::lock_guard lock(mutex_);
    wakes_[++last_] = std::move(wake);
    return last_;
  }
  void unsubscribe(std::uint64_t id) {
    std::lock_guard lock(mutex_);
    wakes_.erase(id);
  }
  void wake_all() {
    std::lock_guard lock(mutex_);
    for (auto& [id, wake] : wakes_) wake();
  }
  std::size_t count() {
    std::lock_guard lock(mutex_);
    return wakes_.size();
  }

 private:
  std::mutex mutex_;
  std::map<std::uint64_t, std::function<void()>> wakes_;
  std::uint64_t last_ = 0;
};

class FakeTask final : public capture::Task {
 public:
  explicit FakeTask(capture::TaskStatus status) : status_(std::move(status)) {}
  void start() override { set_state(capture::TaskState::running); }
  void stop() override { set_state(capture::TaskState::stopped); }
  capture::TaskStatus status() const override {
    std::lock_guard lock(mutex_);
    return status_;
  }
  Result<void> wait_durable(Lsn lsn, std::chrono::milliseconds patience) override {
    std::unique_lock lock(mutex_);
    ++waits_;
    changed_.notify_all();
    bool durable =
        changed_.wait_for(lock, patience, [&] { return status_.durable >= lsn || !running(); });
    if (!durable) return Error{Fault::timeout, "not durable in time"};
    if (!running()) return Error{Fault::conflict, "the task has stopped"};
    return {};
  }
  Result<void> reload() override {
    std::lock_guard lock(mutex_);
    status_.state = capture::TaskState::stopped;
    status_.durable = {};
    return {};
  }

  void make_durable(Lsn lsn) {
    std::lock_guard lock(mutex_);
    status_.durable = lsn;
    changed_.notify_all();
  }
  void wait_for_waits(int count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, test_patience, [&] { return waits_ >= count; }));
  }

 private:
  void set_state(capture::TaskState state) {
    std::lock_guard lock(mutex_);
    status_.state = state;
    changed_.notify_all();
  }
  bool running() const { return status_.state == capture::TaskState::running; }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  capture::TaskStatus status_;
  int waits_ = 0;
};

class FakeFunctions final : public function::Functions {
 public:
  Result<void> put(function::FunctionSpec spec) override {
    specs[spec.name] = std::move(spec);
    return {};
  }
  Result<void> remove(const std::string& name) override {
    specs.erase(name);
    return {};
  }
  std::optional<function::FunctionSpec> find(const std::string& name) const override {
    auto found = specs.find(name);
    if (found == specs.end()) return std::nullopt;
    return found->second;
  }
  void invoke(const std::string&, function::Invocation invocation,
              std::function<void(function::InvokeResult)> done) override {
    event = *invocation.payload;
    done(result);
  }
  std::vector<function::LogLine> logs(const std::string&, std::uint64_t after,
                                      std::size_t lines_max) const override {
    std::lock_guard lock(mutex);
    std::vector<function::LogLine> found;
    for (const auto& line : lines)
      if (line.number > after && found.size() < lines_max) found.push_back(line);
    return found;
  }
  std::uint64_t subscribe_logs(const std::string&, std::function<void()> wake) override {
    return wakes.subscribe(std::move(wake));
  }
  void unsubscribe_logs(std::uint64_t subscription) override { wakes.unsubscribe(subscription); }
  std::vector<Status> status() const override {
    std::vector<Status> all;
    for (const auto& [name, spec] : specs) {
      Status status;
      status.spec = spec;
      status.invocations = 4;
      status.duration_micros = 6000;
      all.push_back(status);
    }
    return all;
  }
  void print(std::string text) {
    {
      std::lock_guard lock(mutex);
      lines.push_back({lines.size() + 1, UnixMicros{}, "r-1", std::move(text)});
    }
    wakes.wake_all();
  }

  std::map<std::string, function::FunctionSpec> specs;
  function::InvokeResult result;
  std::string event;
  mutable std::mutex mutex;
  std::vector<function::LogLine> lines;
  Wakes wakes;
};

class FakeDeliveries final : public delivery::Deliveries {
 public:
  Result<void> put(delivery::TriggerSpec spec) override {
    Status status;
    status.spec = std::move(spec);
    status.cursors.push_back({0, 5, 9, false, 1500, 0, {}});
    status.cursors.push_back({1, 3, 4, false, 20, 2, "boom"});
    all.push_back(std::move(status));
    return {};
  }
  Result<void> remove(const std::string&) override { return {}; }
  bool delivered(const std::string&,
                 const std::vector<std::pair<ShardNumber, Offset>>& ends) const override {
    std::lock_guard lock(mutex);
    asked_ends = ends;
    return is_delivered;
  }
  std::uint64_t subscribe(std::function<void()> wake) override {
    return wakes.subscribe(std::move(wake));
  }
  void unsubscribe(std::uint64_t subscription) override { wakes.unsubscribe(subscription); }
  Result<std::vector<delivery::Parked>> parked() override {
    std::vector<delivery::Parked> list;
    for (auto& [id, batch] : batches) {
      list.push_back(batch);
      list.back().event.clear();
    }
    return list;
  }
  Result<delivery::Parked> parked(std::uint64_t id) override {
    auto found = batches.find(id);
    if (found == batches.end())
      return Error{Fault::not_found, "no such parked batch: " + std::to_string(id)};
    return found->second;
  }
  void redrive(std::uint64_t id, std::function<void(Result<void>)> done) override {
    auto batch = parked(id);
    if (!batch) return done(std::move(batch).error());
    batches.erase(id);
    done({});
  }
  Result<void> discard(std::uint64_t id) override {
    auto batch = parked(id);
    if (!batch) return std::move(batch).error();
    batches.erase(id);
    return {};
  }
  std::vector<Status> status() const override { return all; }
  void deliver_all() {
    {
      std::lock_guard lock(mutex);
      is_delivered = true;
    }
    wakes.wake_all();
  }

  std::vector<Status> all;
  std::map<std::uint64_t, delivery::Parked> batches;
  mutable std::mutex mutex;
  mutable std::vector<std::pair<ShardNumber, Offset>> asked_ends;
  bool is_delivered = false;
  Wakes wakes;
};

class FakeParts final : public Parts {
 public:
  About about() override {
    return {"1.2.3", UnixMicros{std::chrono::seconds{1769853600}}, "/data", "", "127.0.0.1:4590"};
  }
  stream::Streams& streams() override { return all_streams; }
  function::Functions& functions() override { return all_functions; }
  delivery::Deliveries& deliveries() override { return all_deliveries; }
  std::vector<capture::TaskStatus> tasks() override {
    std::vector<capture::TaskStatus> all;
    for (auto& [name, task] : all_tasks) all.push_back(task->status());
    for (auto& broken : broken_tasks) all.push_back(broken);
    return all;
  }
  std::shared_ptr<capture::Task> find_task(const std::string& name) override {
    auto found = all_tasks.find(name);
    return found == all_tasks.end() ? nullptr : found->second;
  }
  Result<std::vector<std::string>> reload() override { return reloaded; }
  std::vector<Broken<stream::StreamSpec>> broken_streams() override { return bad_streams; }
  std::vector<Broken<function::FunctionSpec>> broken_functions() override { return bad_functions; }
  std::vector<Broken<delivery::TriggerSpec>> broken_triggers() override { return bad_triggers; }
  std::vector<Check> readiness() override { return checks; }

  MemoryDirectory disk;
  SystemClock clock;
  stream::Streams all_streams{disk, clock};
  FakeFunctions all_functions;
  FakeDeliveries all_deliveries;
  std::map<std::string, std::shared_ptr<FakeTask>> all_tasks;
  std::vector<capture::TaskStatus> broken_tasks;
  Result<std::vector<std::string>> reloaded = std::vector<std::string>{};
  std::vector<Broken<stream::StreamSpec>> bad_streams;
  std::vector<Broken<function::FunctionSpec>> bad_functions;
  std::vector<Broken<delivery::TriggerSpec>> bad_triggers;
  std::vector<Check> checks{{"start", true, "every part was started"}};
};

class ApiFixture : public testing::Test {
 protected:
  ~ApiFixture() override {
    api.reset();
    work_.reset();
    io.stop();
    for (std::thread& thread : threads_) thread.join();
  }

  std::shared_ptr<FakePeer> ask(http::Request request) {
    auto peer = std::make_shared<FakePeer>();
    handler(std::move(request), peer);
    return peer;
  }
  std::shared_ptr<FakePeer> get(std::string path, std::map<std::string, std::string> query = {}) {
    http::Request request;
    request.method = "GET";
    request.path = std::move(path);
    request.query = std::move(query);
    return ask(std::move(request));
  }
  std::shared_ptr<FakePeer> post(std::string path, std::string body = {}) {
    return write("POST", std::move(path), std::move(body));
  }
  std::shared_ptr<FakePeer> remove(std::string path) {
    return write("DELETE", std::move(path), {});
  }
  std::shared_ptr<FakePeer> write(std::string method, std::string path, std::string body) {
    http::Request request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.headers = {{"content-type", "application/json"}};
    request.body = std::move(body);
    return ask(std::move(request));
  }

  std::shared_ptr<stream::Stream> make_stream(const std::string& name, std::uint32_t shards) {
    stream::StreamSpec spec;
    spec.name = name;
    spec.incarnation = 7;
    spec.created_seconds = 1769853600;
    spec.shards = stream::initial_shards(shards, spec.created_seconds);
    auto opened = parts.all_streams.open(spec);
    EXPECT_TRUE(opened) << opened.error().message;
    return *opened;
  }
  // Durable when it returns.
  void append(stream::Stream& stream, ShardNumber shard, std::string_view key,
              std::string_view payload) {
    stream::Batch batch = stream.begin_batch();
    batch.begin_record(key, stream.shard(shard)->range.first).append(payload);
    batch.end_record();
    auto appended = stream.append(batch, test_patience);
    ASSERT_TRUE(appended) << appended.error().message;
    ASSERT_TRUE(stream.log().wait_durable(appended->ticket, test_patience));
  }
  void split(stream::Stream& stream, ShardNumber shard) {
    stream::testing::split(stream, shard, unix_ms(parts.clock.now()));
  }
  std::shared_ptr<FakeTask> make_task(const std::string& name, const std::string& stream) {
    capture::TaskStatus status;
    status.spec.name = name;
    status.spec.stream = stream;
    status.state = capture::TaskState::running;
    return parts.all_tasks[name] = std::make_shared<FakeTask>(status);
  }

  boost::asio::io_context io;
  FakeParts parts;
  std::unique_ptr<Api> api = Api::make(io, parts);
  http::Handler handler = api->handler();

 private:
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io.get_executor()};
  std::thread threads_[2] = {std::thread([this] { io.run(); }), std::thread([this] { io.run(); })};
};

}  // namespace tailrace::admin
