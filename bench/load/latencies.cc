#include "load/latencies.h"

#include <algorithm>
#include <cmath>

namespace tailrace::load {

void Latencies::add(Clock::duration latency) {
  nanoseconds_.push_back(std::chrono::nanoseconds(latency).count());
  sorted_ = false;
}

void Latencies::add(const Latencies& others) {
  nanoseconds_.insert(nanoseconds_.end(), others.nanoseconds_.begin(), others.nanoseconds_.end());
  sorted_ = false;
}

double Latencies::percentile(double share) {
  if (nanoseconds_.empty()) return 0;
  if (!sorted_) std::sort(nanoseconds_.begin(), nanoseconds_.end());
  sorted_ = true;
  auto rank = static_cast<std::size_t>(std::ceil(share * nanoseconds_.size()));
  return nanoseconds_[std::clamp<std::size_t>(rank, 1, nanoseconds_.size()) - 1] / 1e6;
}

double Latencies::max() { return percentile(1); }

}  // namespace tailrace::load
