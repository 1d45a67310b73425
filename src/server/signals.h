#pragma once

#include "base/unique_fd.h"

namespace tailrace::server {

// The signals an operator sends. Handlers, not a blocked mask: worker processes would inherit the
// mask. One at a time in a process; SIGPIPE is ignored while it lives.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  enum class Asked { reload, stop };
  // Waits for the next one. After the first SIGTERM or SIGINT a second one ends the process at
  // once.
  Asked wait();

  // 128 + the signal that asked to stop.
  int exit_code_when_forced() const;

 private:
  UniqueFd read_end_, write_end_;
};

}  // namespace tailrace::server
