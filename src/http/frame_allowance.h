#pragma once

#include <algorithm>
#include <chrono>

#include "http/session.h"

namespace tailrace::http {

// How many of something that is free for the peer but costs us work it may do: a burst, refilled
// slowly. Honest peers need few; a stream of them is an attack.
class FrameAllowance {
 public:
  FrameAllowance(double burst, double per_second)
      : burst_(burst), per_second_(per_second), left_(burst) {}

  // False when the peer has spent it.
  bool spend(Instant now) {
    auto seconds = std::chrono::duration<double>(now - std::exchange(filled_at_, now)).count();
    left_ = std::min(burst_, left_ + seconds * per_second_);
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

 private:
  const double burst_;
  const double per_second_;
  double left_;
  Instant filled_at_ = std::chrono::steady_clock::now();
};

}  // namespace tailrace::http
