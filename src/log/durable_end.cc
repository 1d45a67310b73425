#include "log/durable_end.h"

#include <algorithm>
#include <string>

namespace tailrace::log {

std::chrono::steady_clock::time_point deadline_after(std::chrono::milliseconds patience) {
  constexpr std::chrono::milliseconds for_ever = std::chrono::hours{24 * 365};
  return std::chrono::steady_clock::now() + std::min(patience, for_ever);
}

Result<void> DurableEnd::wait(StreamLog::Ticket ticket, std::chrono::milliseconds patience) {
  if (this->ticket() >= ticket) return {};
  auto deadline = deadline_after(patience);
  std::unique_lock lock(mutex_);
  for (;;) {
    if (this->ticket() >= ticket) return {};
    if (fenced_) return *fenced_;
    std::uint64_t group = ticket <= group_last_ ? group_ : group_ + 1;
    if (reached_[group % 2].wait_until(lock, deadline) == std::cv_status::timeout &&
        this->ticket() < ticket && !fenced_)
      return Error{Fault::timeout, "batch " + std::to_string(ticket) +
                                       " is not durable yet; the log is at batch " +
                                       std::to_string(this->ticket())};
  }
}

void DurableEnd::begin_group(StreamLog::Ticket last) {
  std::lock_guard lock(mutex_);
  ++group_;
  group_last_ = last;
}

void DurableEnd::reach(StreamLog::Ticket last) {
  std::uint64_t group;
  {
    std::lock_guard lock(mutex_);
    ticket_.store(last, std::memory_order_release);
    group = group_;
  }
  reached_[group % 2].notify_all();
}

void DurableEnd::fence(const Error& error) {
  {
    std::lock_guard lock(mutex_);
    fenced_ = error;
  }
  for (auto& reached : reached_) reached.notify_all();
}

}  // namespace tailrace::log
