#pragma once

#include <chrono>
#include <cstddef>

namespace tailrace::pg {

// Decides how long to let messages gather before the next read.
//
// The walsender sends each row with a system call of its own, and each wakes a reader that waits
// for it: at 100,000 rows a second that costs both sides a context switch a row, which is more than
// decoding the row. So while messages pour in, the reader sleeps between its reads.
//
//   20,000 messages/s  below it a switch for each message is cheap enough, and latency counts more
//   96 messages        that a pause may gather: a unix socket holds some 270 small ones (200 KiB
//                      with the kernel's overhead), and the walsender must never find it full
//   48 KiB             the same for larger messages
//   1 ms               the longest pause, and so what pacing can add to a row's latency
//   100 us             the shortest: below it the sleep itself costs more than it saves
//
// The pause counts from the last read, so that a caller which takes its time does not sleep on top.
class ReadPacer {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::nanoseconds;

  // After a read at `now`: what was handed out since the read before it.
  void note_read(Time now, std::size_t messages, std::size_t bytes) {
    last_read_ = now;
    messages_ += messages;
    bytes_ += bytes;
    Duration window = now - window_start_;
    // A pause in the flow ends in a long window and so in a low rate.
    if (window < window_min) return;
    double seconds = std::chrono::duration<double>(window).count();
    messages_per_second_ = static_cast<double>(messages_) / seconds;
    bytes_per_second_ = static_cast<double>(bytes_) / seconds;
    window_start_ = now;
    messages_ = bytes_ = 0;
  }

  Duration pause(Time now) const {
    if (messages_per_second_ < messages_per_second_min) return Duration::zero();
    double seconds = gathered_messages_max / messages_per_second_;
    if (bytes_per_second_ * seconds > gathered_bytes_max)
      seconds = gathered_bytes_max / bytes_per_second_;
    auto interval = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
    Duration left = last_read_ + (interval < pause_max ? interval : pause_max) - now;
    return left < pause_min ? Duration::zero() : left;
  }

 private:
  static constexpr Duration window_min = std::chrono::milliseconds(2);
  static constexpr double messages_per_second_min = 20'000;
  static constexpr double gathered_messages_max = 96;
  static constexpr double gathered_bytes_max = 48 * 1024;
  static constexpr Duration pause_max = std::chrono::milliseconds(1);
  static constexpr Duration pause_min = std::chrono::microseconds(100);

  Time last_read_{}, window_start_{};
  std::size_t messages_ = 0, bytes_ = 0;
  double messages_per_second_ = 0, bytes_per_second_ = 0;
};

}  // namespace tailrace::pg
