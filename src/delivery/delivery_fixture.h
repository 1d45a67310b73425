#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/base64.h"
#include "delivery/deliveries.h"
#include "stream/testing/resharding.h"

namespace tailrace::delivery {

// So long that only a test that hangs meets it.
inline constexpr std::chrono::seconds patience{20};

// The wall clock stands still unless a test moves it.
class TestClock final : public Clock {
 public:
  UnixMicros now() override { return UnixMicros{std::chrono::seconds{seconds_}}; }
  std::chrono::steady_clock::time_point steady() override {
    return std::chrono::steady_clock::now();
  }
  void forward(std::chrono::seconds time) { seconds_ += time.count(); }

 private:
  std::atomic<std::int64_t> seconds_{1700000010};
};

// What an event holds, for people.
struct Seen {
  std::string function, request_id;
  ShardNumber shard = 0;
  std::vector<std::string> data;
  bool operator==(const Seen&) const = default;
};

inline Seen read_event(const std::string& function, const std::string& request_id,
                       const std::string& event) {
  Seen seen{function, request_id, 0, {}};
  auto document = nlohmann::json::parse(event);
  for (auto& record : document.at("Records")) {
    std::string id = record.at("eventID");
    seen.shard = parse_shard_id(id.substr(0, id.find(':'))).value();
    seen.data.push_back(from_base64(record.at("kinesis").at("data").get<std::string>()).value());
  }
  return seen;
}

// Functions of a test. A call is answered at once on a thread of its own by `answer`, or, while
// there is none, by the test.
class FakeFunctions final : public Invoker {
 public:
  using Answering = std::function<std::optional<Answer>(const Seen&)>;
  struct Call {
    Seen seen;
    std::function<void(Answer)> done;
  };

  explicit FakeFunctions(Answering answering = {}) : answering_(std::move(answering)) {
    thread_ = std::thread([this] { run(); });
  }
  ~FakeFunctions() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void invoke(const std::string& function, const std::string& request_id,
              std::shared_ptr<const std::string> event, std::function<void(Answer)> done) override {
    {
      std::lock_guard lock(mutex_);
      calls_.push_back({read_event(function, request_id, *event), std::move(done)});
    }
    changed_.notify_all();
  }

  void answer_with(Answering answering) {
    {
      std::lock_guard lock(mutex_);
      answering_ = std::move(answering);
    }
    changed_.notify_all();
  }

  // The n-th call (from 0), once it is there.
  Call call(std::size_t n) {
    std::unique_lock lock(mutex_);
    bool there = changed_.wait_for(lock, patience, [&] { return calls_.size() > n; });
    if (!there) throw std::runtime_error("call " + std::to_string(n) + " never came");
    return calls_[n];
  }
  std::vector<Seen> seen() {
    std::lock_guard lock(mutex_);
    std::vector<Seen> all;
    for (auto& call : calls_) all.push_back(call.seen);
    return all;
  }
  std::size_t count() {
    std::lock_guard lock(mutex_);
    return calls_.size();
  }
  // All records that one shard's calls carried, in order of the calls.
  std::vector<std::string> records(ShardNumber shard) {
    std::vector<std::string> all;
    for (auto& one : seen())
      if (one.shard == shard) all.insert(all.end(), one.data.begin(), one.data.end());
    return all;
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stopping_ || (answering_ && answered_ < calls_.size()); });
      if (stopping_) return;
      Call call = calls_[answered_++];
      Answering answering = answering_;
      lock.unlock();
      if (auto answer = answering(call.seen)) call.done(std::move(*answer));
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Call> calls_;
  std::size_t answered_ = 0;
  Answering answering_;
  bool stopping_ = false;
  std::thread thread_;
};

inline Answer done() { return {Answer::Kind::done, "", ""}; }
inline Answer function_error(std::string error = R"({"errorType":"Boom"})") {
  return {Answer::Kind::function_error, std::move(error), ""};
}
inline Answer try_later() { return {Answer::Kind::try_later, "busy", ""}; }

inline std::string make_temporary_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "delivery_test.XXXXXX").string();
  return mkdtemp(pattern.data());
}

// Threads that run an io_context.
class Pool {
 public:
  Pool() {
    for (int i = 0; i < 2; ++i) threads_.emplace_back([this] { io.run(); });
  }
  ~Pool() {
    io.stop();
    for (auto& thread : threads_) thread.join();
  }

  boost::asio::io_context io;

 private:
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io.get_executor()};
  std::vector<std::thread> threads_;
};

inline stream::StreamSpec stream_spec(const std::string& name, std::uint32_t shards) {
  stream::StreamSpec spec;
  spec.name = name;
  spec.incarnation = 7;
  spec.created_seconds = 1700000000;
  spec.shards = stream::initial_shards(shards, spec.created_seconds);
  return spec;
}

inline TriggerSpec trigger_spec(const std::string& stream, const std::string& function) {
  TriggerSpec spec;
  spec.name = stream + "/" + function;
  spec.id = "id-of-" + spec.name;
  spec.stream = stream;
  spec.function = function;
  return spec;
}

inline void add_to(stream::Batch& batch, const stream::Stream& stream, ShardNumber shard,
                   std::string_view payload) {
  batch.begin_record("key", stream.shard(shard)->range.first).append(payload);
  batch.end_record();
}

inline void split(stream::Stream& stream, ShardNumber shard) {
  stream::testing::split(stream, shard, 1700000010'000);
}
inline void merge(stream::Stream& stream, ShardNumber shard, ShardNumber adjacent) {
  stream::testing::merge(stream, shard, adjacent, 1700000010'000);
}

// Whatever a test waits for comes with a wake-up of some Deliveries.
inline bool wait_until(Deliveries& deliveries, const std::function<bool()>& true_now) {
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t wakes = 0;
  auto subscription = deliveries.subscribe([&] {
    std::lock_guard lock(mutex);
    ++wakes;
    changed.notify_all();
  });
  auto deadline = std::chrono::steady_clock::now() + patience;
  bool reached = true_now();
  std::uint64_t handled = 0;
  while (!reached && std::chrono::steady_clock::now() < deadline) {
    {
      std::unique_lock lock(mutex);
      changed.wait_until(lock, deadline, [&] { return wakes != handled; });
      handled = wakes;
    }
    reached = true_now();
  }
  deliveries.unsubscribe(subscription);
  return reached;
}

// Deliveries over real streams in a temporary folder.
class DeliveriesTest : public testing::Test {
 protected:
  DeliveriesTest() : folder_(make_temporary_folder()) {
    spdlog::set_level(spdlog::level::off);
    data_ = DiskDirectory::open_or_create(folder_).value();
    pool_ = std::make_unique<Pool>();
    open_streams();
  }
  ~DeliveriesTest() override {
    deliveries_.reset();
    pool_.reset();
    streams_.reset();
    std::filesystem::remove_all(folder_);
  }

  void open_streams(std::uint32_t shards = 2) {
    streams_ = std::make_unique<stream::Streams>(*data_, clock_);
    streams_->open(stream_spec("orders", shards)).value();
  }

  void start() {
    Deliveries::Options options;
    options.file = folder_ + "/delivery.sqlite";
    options.retry_delay_min = std::chrono::milliseconds(1);
    options.retry_delay_max = std::chrono::milliseconds(4);
    deliveries_ = Deliveries::make(pool_->io, options, *streams_, functions_, clock_).value();
  }
  void restart() {
    deliveries_.reset();
    start();
  }
  void put(const TriggerSpec& spec) {
    auto done = deliveries_->put(spec);
    ASSERT_TRUE(done) << done.error().message;
  }

  // Makes the records durable, all in one group.
  void append(ShardNumber shard, const std::vector<std::string>& payloads) {
    auto stream = streams_->find("orders");
    stream::Batch batch = stream->begin_batch();
    for (auto& payload : payloads) add_to(batch, *stream, shard, payload);
    auto appended = stream->append(batch, patience);
    ASSERT_TRUE(appended) << appended.error().message;
    ASSERT_TRUE(stream->log().wait_durable(appended->ticket, patience));
  }
  void split(ShardNumber shard) { delivery::split(*streams_->find("orders"), shard); }
  void merge(ShardNumber shard, ShardNumber adjacent) {
    delivery::merge(*streams_->find("orders"), shard, adjacent);
  }
  static std::vector<std::string> numbers(int from, int to) {
    std::vector<std::string> all;
    for (int i = from; i < to; ++i) all.push_back(std::to_string(i));
    return all;
  }

  [[nodiscard]] bool wait_delivered(ShardNumber shard, Offset end) {
    return wait_until(*deliveries_, [&] {
      return deliveries_->delivered("orders", {{shard, end}});
    });
  }
  Deliveries::Status status() { return deliveries_->status().at(0); }
  Result<void> redrive(std::uint64_t id) {
    std::promise<Result<void>> outcome;
    auto result = outcome.get_future();
    deliveries_->redrive(id, [&](Result<void> done) { outcome.set_value(std::move(done)); });
    if (result.wait_for(patience) != std::future_status::ready)
      return Error{Fault::timeout, "redrive never ended"};
    return result.get();
  }

  std::string folder_;
  TestClock clock_;
  std::unique_ptr<DiskDirectory> data_;
  std::unique_ptr<stream::Streams> streams_;
  FakeFunctions functions_;
  std::unique_ptr<Pool> pool_;
  std::unique_ptr<Deliveries> deliveries_;
};

}  // namespace tailrace::delivery
