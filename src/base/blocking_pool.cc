#include "base/blocking_pool.h"

#include <pthread.h>

#include <utility>

namespace tailrace {

BlockingPool::BlockingPool(Options options) : options_(std::move(options)) {}

BlockingPool::~BlockingPool() {
  std::deque<std::function<void()>> dropped;
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
    dropped.swap(queue_);
  }
  changed_.notify_all();
  dropped.clear();
  for (std::thread& thread : threads_) thread.join();
}

bool BlockingPool::submit(std::function<void()> job) {
  std::lock_guard lock(mutex_);
  if (closing_ || queue_.size() >= options_.queue_max) return false;
  queue_.push_back(std::move(job));
  if (idle_ < queue_.size() && threads_.size() < options_.threads_max)
    threads_.emplace_back([this] { run(); });
  changed_.notify_one();
  return true;
}

void BlockingPool::run() {
  pthread_setname_np(pthread_self(), options_.name.c_str());
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    changed_.wait(lock, [this] { return closing_ || !queue_.empty(); });
    --idle_;
    if (closing_) return;
    {
      std::function<void()> job = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      job();
    }
    lock.lock();
  }
}

}  // namespace tailrace
