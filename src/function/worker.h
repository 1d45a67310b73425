#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "function/function_log.h"
#include "function/functions.h"
#include "function/platform.h"
#include "function/process.h"
#include "http/server.h"

namespace tailrace::function {

// An invocation on its way through a pool.
struct Job {
  Invocation invocation;
  std::function<void(InvokeResult)> done;
};

// One worker of a pool: its process, its Runtime API port, its output, and the event in hand. The
// fields belong to the pool and are guarded by its lock.
struct Worker {
  using Steady = std::chrono::steady_clock::time_point;

  // Lambda's Runtime API states, and `ending` for a worker that is being killed.
  enum class State { starting, ready, running, answered, init_failed, ending };

  explicit Worker(boost::asio::io_context& io)
      : output(io), exit(io), timer(io), output_pause(io) {}

  State state = State::starting;
  std::string mark;
  std::string temporary_folder;
  bool has_process = false;
  Process process;
  std::unique_ptr<http::Server> api;
  boost::asio::posix::stream_descriptor output;
  boost::asio::posix::stream_descriptor exit;
  boost::asio::steady_timer timer;  // init limit, then deadlines
  boost::asio::steady_timer output_pause;
  Steady timer_at = Steady::max();

  // The event in hand (running), or the last one (answered).
  std::optional<Job> job;
  std::string request_id;
  Steady began;
  Steady deadline;
  // Of the client that waits for an event (ready).
  std::shared_ptr<http::Responder> waiting;
  Steady idle_since;

  Steady spawned;
  std::chrono::microseconds init_duration{0};  // until it is reported once
  std::string init_error;                      // the posted document
  std::uint64_t children_bytes = 0;            // resident, of all but the leader, as last seen
  std::uint64_t resident_bytes_max = 0;        // of the tree
  bool over_memory = false;

  LineCutter log_cutter;
  std::string log_tail;  // since the last event ended, or the start
};

}  // namespace tailrace::function
