#pragma once

#include <cstdint>
#include <limits>

#include "base/buffer.h"
#include "base/clock.h"

namespace tailrace::envelope {

// Writes instants as "2026-01-05T10:00:00.018220Z", always with six digits. Remembers the last
// second it wrote, since neighbours in a stream mostly share it.
class InstantText {
 public:
  void append(Buffer& out, UnixMicros instant);

 private:
  std::int64_t second_ = std::numeric_limits<std::int64_t>::min();
  Buffer text_;  // of that second, up to the dot and with it
};

}  // namespace tailrace::envelope
