#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "function/functions.h"
#include "function/process_tree.h"

namespace tailrace::function {

// Functions with real processes, in a folder of their own.
class FunctionsTest : public testing::Test {
 protected:
  using Outcome = InvokeResult::Outcome;

  void SetUp() override {
    char name[] = "/tmp/tailrace_function_XXXXXX";
    folder_ = ::mkdtemp(name);
    for (int i = 0; i < 2; ++i) threads_.emplace_back([this] { io_.run(); });
    auto made = Functions::make(io_, account_, folder_ + "/work", clock_);
    ASSERT_TRUE(made) << made.error().message;
    functions_ = std::move(*made);
  }

  void TearDown() override {
    functions_.reset();
    work_.reset();
    for (auto& thread : threads_) thread.join();
    EXPECT_EQ(processes(), 0u) << "every process of a worker must be gone";
    EXPECT_TRUE(!std::filesystem::exists(folder_ + "/work/tmp") ||
                std::filesystem::is_empty(folder_ + "/work/tmp"));
    std::filesystem::remove_all(folder_);
  }

  void write(const std::string& name, const std::string& content) {
    auto path = std::filesystem::path(folder_) / "code" / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << content;
  }

  FunctionSpec spec(Runtime runtime = Runtime::python3) {
    FunctionSpec made;
    made.name = "f";
    made.runtime = runtime;
    made.code = folder_ + "/code";
    made.handler = runtime == Runtime::nodejs ? "index.handler" : "app.handler";
    return made;
  }

  void put(FunctionSpec wanted) {
    auto result = functions_->put(std::move(wanted));
    ASSERT_TRUE(result) << result.error().message;
  }

  void put_python(const std::string& code, FunctionSpec wanted = {}) {
    write("app.py", code);
    auto made = spec();
    made.timeout = wanted.timeout;
    made.concurrency_max = wanted.concurrency_max;
    made.environment = wanted.environment;
    put(made);
  }

  void put_node(const std::string& code, const std::string& file = "index.js") {
    write(file, code);
    put(spec(Runtime::nodejs));
  }

  std::future<InvokeResult> invoke_later(const std::string& payload = "{}",
                                         const std::string& id = "") {
    auto promise = std::make_shared<std::promise<InvokeResult>>();
    functions_->invoke("f", {std::make_shared<std::string>(payload), id},
                       [promise](InvokeResult result) { promise->set_value(std::move(result)); });
    return promise->get_future();
  }

  InvokeResult invoke(const std::string& payload = "{}", const std::string& id = "") {
    return invoke_later(payload, id).get();
  }

  // Waits for a line that contains the text, as a reader of the log does.
  bool wait_for_line(const std::string& text) {
    std::promise<void> seen;
    std::atomic<bool> is_seen = false;
    auto look = [&] {
      for (const auto& line : functions_->logs("f", 0, 100000))
        if (line.text.find(text) != std::string::npos && !is_seen.exchange(true)) seen.set_value();
    };
    auto subscription = functions_->subscribe_logs("f", look);
    look();
    bool found = seen.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready;
    functions_->unsubscribe_logs(subscription);
    return found;
  }

  // What is left of our workers, whoever adopted it. Only we have children in other sessions.
  std::size_t processes() const {
    std::size_t count = 0;
    auto all = all_processes();
    for (const auto& info : all) count += info.parent == ::getpid() && info.session != ::getsid(0);
    return count;
  }

  Functions::Status status() const { return functions_->status().at(0); }

  std::string folder_;
  Account account_{"eu-west-1", "123456789012"};
  SystemClock clock_;
  boost::asio::io_context io_{2};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::vector<std::thread> threads_;
  std::unique_ptr<Functions> functions_;
};

}  // namespace tailrace::function
