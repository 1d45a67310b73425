#include "function/keeper.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

namespace tailrace::function {

Keeper::Keeper() : thread_([this] { run(); }) {}

Keeper::~Keeper() { stop(); }

void Keeper::watch(std::chrono::milliseconds period, std::function<bool()> look) {
  std::lock_guard lock(mutex_);
  period_ = period;
  look_ = std::move(look);
  watching_ = true;
  wake_.notify_one();
}

void Keeper::add(std::function<void()> job) {
  std::lock_guard lock(mutex_);
  jobs_.push_back(std::move(job));
  // A job may start the first worker.
  watching_ = look_ != nullptr;
  wake_.notify_one();
}

void Keeper::stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void Keeper::run() {
  ::pthread_setname_np(::pthread_self(), "worker-keeper");
  std::unique_lock lock(mutex_);
  auto next_look = std::chrono::steady_clock::now();
  while (!stopped_) {
    auto has_work = [this] { return stopped_ || !jobs_.empty(); };
    if (watching_)
      wake_.wait_until(lock, next_look, has_work);
    else
      wake_.wait(lock, [&] { return has_work() || watching_; });
    if (stopped_) return;

    if (!jobs_.empty()) {
      auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      // Its captures end before the lock is taken: they may end a worker.
      job = nullptr;
      lock.lock();
      continue;
    }
    if (watching_ && std::chrono::steady_clock::now() >= next_look) {
      auto look = look_;
      lock.unlock();
      bool again = look();
      look = nullptr;
      lock.lock();
      if (!again && jobs_.empty()) watching_ = false;
      next_look = std::chrono::steady_clock::now() + period_;
    }
  }
}

}  // namespace tailrace::function
