#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tailrace {

// Threads for calls that block, so that the I/O pool never does. Threads begin when there is work
// for them. Any thread may submit.
class BlockingPool {
 public:
  struct Options {
    std::string name;  // of its threads; at most 15 bytes
    std::size_t threads_max = 2;
    std::size_t queue_max = 64;
  };
  explicit BlockingPool(Options options);
  // Drops what has not begun and waits for what has.
  ~BlockingPool();

  // False when the queue is full: the caller says so to its peer.
  [[nodiscard]] bool submit(std::function<void()> job);

 private:
  void run();

  const Options options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  std::size_t idle_ = 0;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace tailrace
