#pragma once

#include <chrono>
#include <cstdint>

namespace tailrace {

// Microseconds since 1970-01-01 UTC.
using UnixMicros = std::chrono::sys_time<std::chrono::microseconds>;

// Whole milliseconds and seconds since then: what is left of one is cut off.
inline std::int64_t unix_ms(UnixMicros time) {
  return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}
inline std::int64_t unix_seconds(UnixMicros time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

// The same of milliseconds.
inline std::int64_t seconds_of_ms(std::int64_t ms) {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::milliseconds{ms}).count();
}

// Time as a dependency, so that a test can make it stop or step.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual UnixMicros now() = 0;
  // Never steps back; for durations only.
  virtual std::chrono::steady_clock::time_point steady() = 0;
};

class SystemClock final : public Clock {
 public:
  UnixMicros now() override {
    return std::chrono::time_point_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now());
  }
  std::chrono::steady_clock::time_point steady() override {
    return std::chrono::steady_clock::now();
  }
};

}  // namespace tailrace
