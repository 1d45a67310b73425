#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>

#include "base/result.h"
#include "log/stream_log.h"

namespace tailrace::log {

// How far the log is durable, or synced, and the threads that wait for it.
//
// A group wakes only those whose batch it holds: the others wait for the next group, and waking all
// for each group would cost as many context switches as there are writers.
class DurableEnd {
 public:
  explicit DurableEnd(StreamLog::Ticket ticket) : ticket_(ticket), group_last_(ticket) {}

  StreamLog::Ticket ticket() const { return ticket_.load(std::memory_order_acquire); }
  Result<void> wait(StreamLog::Ticket ticket, std::chrono::milliseconds patience);

  // The writer's: one group at a time is begun, then reached.
  void begin_group(StreamLog::Ticket last);
  void reach(StreamLog::Ticket last);
  void fence(const Error& error);

 private:
  std::atomic<StreamLog::Ticket> ticket_;
  std::mutex mutex_;
  // Waiters by the parity of the group that they wait for.
  std::array<std::condition_variable, 2> reached_;
  std::uint64_t group_ = 0;
  StreamLog::Ticket group_last_;
  std::optional<Error> fenced_;
};

// Now plus the patience, which may be "for ever".
std::chrono::steady_clock::time_point deadline_after(std::chrono::milliseconds patience);

}  // namespace tailrace::log
