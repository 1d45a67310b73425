#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace tailrace::load {

// A TCP connection to a server on this machine. Every failure is a std::system_error.
class Socket {
 public:
  Socket() = default;                   // of nothing
  explicit Socket(std::uint16_t port);  // connects to 127.0.0.1, without Nagle's delay

  int fd() const { return fd_.get(); }
  // Waits until the kernel has all of it.
  void send(std::string_view bytes);
  // Appends what has arrived. Waits for the first byte, 30 s at most, unless the socket does not
  // block: then 0 means nothing yet. A connection that ended is a failure.
  std::size_t receive(std::string& into);
  void set_blocking(bool blocking);

 private:
  UniqueFd fd_;
};

}  // namespace tailrace::load
