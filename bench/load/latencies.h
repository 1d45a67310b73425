#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace tailrace::load {

using Clock = std::chrono::steady_clock;

// Every latency that was measured, exactly: no buckets.
class Latencies {
 public:
  void add(Clock::duration latency);
  void add(const Latencies& others);
  std::size_t count() const { return nanoseconds_.size(); }

  // In milliseconds; the smallest value that at least that share of all does not exceed. 0 without
  // any.
  double percentile(double share);
  double max();

 private:
  std::vector<std::uint64_t> nanoseconds_;
  bool sorted_ = true;
};

}  // namespace tailrace::load
