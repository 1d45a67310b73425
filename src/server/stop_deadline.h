#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace tailrace::server {

// Ends the process when stopping takes longer than the patience. What is durable stays durable: a
// stop that is cut short is no worse than a kill.
class StopDeadline {
 public:
  StopDeadline() = default;
  ~StopDeadline();  // stopped in time

  // Once.
  void begin(std::chrono::seconds patience, int exit_code);

 private:
  std::mutex mutex_;
  std::condition_variable stopped_changed_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace tailrace::server
