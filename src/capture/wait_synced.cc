#include "capture/wait_synced.h"

#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>

namespace tailrace::capture {
namespace {

// Remembers that the log has called since it was last asked.
class Call {
 public:
  explicit Call(log::StreamLog& log)
      : log_(log), subscription_(log.subscribe([this] {
          {
            std::lock_guard lock(mutex_);
            came_ = true;
          }
          changed_.notify_one();
        })) {}
  ~Call() { log_.unsubscribe(subscription_); }

  bool wait_until(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, deadline, [&] { return std::exchange(came_, false); });
  }

 private:
  log::StreamLog& log_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool came_ = false;
  std::uint64_t subscription_;
};

}  // namespace

Result<void> wait_synced(log::StreamLog& log, log::StreamLog::Ticket ticket,
                         std::chrono::milliseconds patience) {
  auto deadline = std::chrono::steady_clock::now() + patience;
  if (auto durable = log.wait_durable(ticket, patience); !durable) return durable;
  if (log.synced() >= ticket) return {};
  Call call(log);
  // Before the first wait too: the sync may have come before the subscription.
  do {
    if (log.synced() >= ticket) return {};
    if (auto fenced = log.fenced()) return std::move(*fenced);
  } while (call.wait_until(deadline));
  return Error{Fault::timeout, "batch " + std::to_string(ticket) +
                                   " is not synced yet; the log is at batch " +
                                   std::to_string(log.synced())};
}

}  // namespace tailrace::capture
