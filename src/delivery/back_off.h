#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace tailrace::delivery {

// How long to wait before something that failed is tried again.
struct BackOff {
  std::chrono::milliseconds delay_min{100};
  std::chrono::milliseconds delay_max{60000};

  // After the first, second, ... failure: twice as long each time, somewhere in the upper half of
  // that, so that many shards that failed together do not come back together.
  template <typename Random>
  std::chrono::milliseconds delay(std::uint32_t failures, Random& random) const {
    std::int64_t most = delay_min.count();
    for (std::uint32_t i = 0; i < failures && most < delay_max.count(); ++i) most *= 2;
    std::uniform_int_distribution<std::int64_t> between(most / 2, most);
    return std::chrono::milliseconds(
        std::min(std::max(between(random), delay_min.count()), delay_max.count()));
  }
};

}  // namespace tailrace::delivery
