#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace tailrace::function {

// The one thread that starts and ends worker processes, and looks after them in between. The kernel
// ties a worker's life to it (PR_SET_PDEATHSIG), so that a killed server leaves no worker behind.
class Keeper {
 public:
  Keeper();
  // Ends after the job at hand; jobs that wait are forgotten. So end the workers' pools first.
  ~Keeper();

  // Called every `period` from now on, between jobs, as long as it returns true.
  void watch(std::chrono::milliseconds period, std::function<bool()> look);
  void add(std::function<void()> job);
  void stop();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  std::function<bool()> look_;
  std::chrono::milliseconds period_{0};
  bool watching_ = false;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace tailrace::function
