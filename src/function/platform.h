#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <functional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/gate.h"
#include "base/guarded.h"
#include "function/keeper.h"
#include "record/account.h"

namespace tailrace::function {

// Hands results to their callers from the I/O pool, never from under a lock. What is still waiting
// when the platform ends is delivered by drain(), so that each call is answered exactly once.
class Completions {
 public:
  Completions(boost::asio::io_context& io, std::shared_ptr<Gate> gate)
      : io_(io), gate_(std::move(gate)), waiting_(std::make_shared<Waiting>()) {}

  void add(std::function<void()> call) {
    waiting_->with([&](auto& calls) { calls.push_back(std::move(call)); });
    boost::asio::post(
        io_, [gate = gate_, waiting = waiting_] { gate->pass([&] { run_one(*waiting); }); });
  }

  void drain() {
    while (run_one(*waiting_)) {
    }
  }

 private:
  using Waiting = Guarded<std::deque<std::function<void()>>>;

  static bool run_one(Waiting& waiting) {
    auto call = waiting.with([](auto& calls) -> std::function<void()> {
      if (calls.empty()) return nullptr;
      auto first = std::move(calls.front());
      calls.pop_front();
      return first;
    });
    if (call) call();
    return call != nullptr;
  }

  boost::asio::io_context& io_;
  const std::shared_ptr<Gate> gate_;
  // Shared with what the event loop holds, which may outlive the platform.
  const std::shared_ptr<Waiting> waiting_;
};

// What all functions' pools and workers use.
struct Platform {
  boost::asio::io_context& io;
  Clock& clock;
  Account account;
  std::string folder;          // absolute
  std::string runtime_folder;  // the runtime clients
  std::string instance;        // random; begins every worker's mark
  // Every callback of the event loop into pools and workers passes it.
  std::shared_ptr<Gate> gate;
  Completions completions;
  Keeper keeper;
};

}  // namespace tailrace::function
