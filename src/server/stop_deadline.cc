#include "server/stop_deadline.h"

#include <pthread.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace tailrace::server {

void StopDeadline::begin(std::chrono::seconds patience, int exit_code) {
  thread_ = std::thread([this, patience, exit_code] {
    pthread_setname_np(pthread_self(), "stop-deadline");
    std::unique_lock lock(mutex_);
    if (stopped_changed_.wait_for(lock, patience, [this] { return stopped_; })) return;
    spdlog::error("not stopped after {} s: ending as a kill would; nothing durable is lost",
                  patience.count());
    ::_exit(exit_code);
  });
}

StopDeadline::~StopDeadline() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  stopped_changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace tailrace::server
