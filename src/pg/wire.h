#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "base/result.h"
#include "base/unique_fd.h"

struct pg_conn;
struct ssl_st;

namespace tailrace::pg {

// Ends a wait from any thread.
class WakeSignal {
 public:
  WakeSignal();
  void raise();
  void clear();
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

// The bytes under a libpq connection, in pieces as large as have arrived and in place. libpq
// connects, authenticates and sets TLS up; while it is idle, having read exactly up to the
// server's ReadyForQuery, the wire may be used without it, and must be left in the same state if
// libpq is to be used again. The connection must outlive this. One thread.
//
//   message: type 1, length 4 (of itself and the body), body
class Wire {
 public:
  Wire(pg_conn* connection, WakeSignal& wake);

  // Waits up to `patience` for bytes, unless some are here already, and reads all that have
  // arrived. False: nothing came, or wake was raised (and is cleared). Also sends on what could
  // not be sent before. Fault::unavailable: the peer is gone; corrupt: no message looks like this.
  Result<bool> fill(std::chrono::milliseconds patience);

  struct Message {
    char type = 0;
    std::string_view body;  // until the next fill()
  };
  // The next whole message, or none: then fill() again.
  std::optional<Message> next();
  std::size_t buffered() const { return buffer_.size() - at_; }

  // Sends what the socket takes now; the rest goes with later calls of fill() and flush().
  Result<void> send(char type, std::string_view body);
  Result<void> flush();
  bool has_unsent() const { return sent_ < outgoing_.size(); }

  // Waits without reading. True: wake was raised before the time was over (and is cleared).
  bool pause(std::chrono::nanoseconds duration);

 private:
  Result<std::size_t> read_some(char* into, std::size_t count);
  Result<std::size_t> write_some(std::string_view bytes);
  Result<bool> read_all();
  void make_room();
  Error closed() const;
  Error tls_failure(int outcome, std::string_view what);

  int socket_;
  ssl_st* tls_;  // null without TLS
  WakeSignal& wake_;
  bool tls_wants_write_ = false;

  Buffer buffer_;
  std::size_t at_ = 0;             // what was handed out before it
  std::size_t message_bytes_ = 0;  // of a message that is not whole yet, when its length is known
  std::optional<Error> broken_;

  Buffer outgoing_;
  std::size_t sent_ = 0;
};

}  // namespace tailrace::pg
