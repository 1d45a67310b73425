#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "function/functions.h"

namespace tailrace::function {

// The last lines of one function, in memory. Any thread.
class FunctionLog {
 public:
  void add(LogLine line);
  std::vector<LogLine> after(std::uint64_t number, std::size_t lines_max) const;

  void subscribe(std::uint64_t id, std::function<void()> wake);
  bool unsubscribe(std::uint64_t id);

 private:
  mutable std::mutex lines_mutex_;
  std::deque<LogLine> lines_;
  std::size_t bytes_ = 0;
  std::uint64_t last_number_ = 0;
  // Apart from the lines, so that a wake may read them.
  std::mutex wakes_mutex_;
  std::map<std::uint64_t, std::function<void()>> wakes_;
};

// Cuts what a process prints into lines that are safe to show: other control characters than the
// tab become visible escapes, broken UTF-8 becomes U+FFFD, over-long lines are cut. A carriage
// return ends a line too: clients use it inside one event, a terminal would overwrite with it.
class LineCutter {
 public:
  // Per invocation, so that a flood costs neither memory nor readers.
  static constexpr std::size_t invocation_bytes_max = 1u << 20;
  static constexpr std::size_t line_bytes_max = 16u << 10;

  using Sink = std::function<void(std::string line)>;
  void add(std::string_view bytes, const Sink& sink);
  // Ends a last line that has no line end, and says how much was left out.
  void finish(const Sink& sink);

  std::uint64_t dropped_bytes() const { return dropped_; }

 private:
  void end_line(const Sink& sink);

  std::string line_;
  std::size_t taken_ = 0;
  std::uint64_t dropped_ = 0;
};

// One line made safe to show.
std::string neutralised(std::string_view text);

// The last `bytes_max` of a text, from a whole character on.
std::string_view tail_of(std::string_view text, std::size_t bytes_max);

}  // namespace tailrace::function
