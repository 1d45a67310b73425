#pragma once

#include <chrono>

#include "base/unique_fd.h"

namespace tailrace::server {

// The signals an operator sends. Handlers, not a blocked mask: worker processes would inherit the
// mask. One at a time in a process; SIGPIPE is ignored while it lives.
class Signals {
 public:
  // A request to stop that follows the first one this soon is the same one: a Ctrl-C reaches a
  // program from the terminal, and once more from the program that started it (make, a shell).
  static constexpr std::chrono::milliseconds same_request{1000};

  explicit Signals(std::chrono::milliseconds repeated_within = same_request);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  enum class Asked { reload, stop };
  // Waits for the next one. After the first SIGTERM or SIGINT, a second one that is no repetition
  // of it ends the process at once.
  Asked wait();

  // 128 + the signal that asked to stop.
  int exit_code_when_forced() const;

 private:
  UniqueFd read_end_, write_end_;
};

}  // namespace tailrace::server
