#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "load/http_answer.h"
#include "load/socket.h"

namespace tailrace::load {

// A whole HTTP request of an action, signed as by someone whom the server trusts: no server that is
// measured verifies signatures.
std::string kinesis_request(std::uint16_t port, std::string_view action, std::string_view body);

// Calls actions one after the other, waiting for each.
class KinesisClient {
 public:
  explicit KinesisClient(std::uint16_t port) : port_(port), socket_(port) {}

  // The answer's body; std::runtime_error unless the status is 200.
  std::string call(std::string_view action, std::string_view body);

  // The steps of a call, for those who wait for more than one socket.
  void send(std::string_view action, std::string_view body);
  bool receive();  // what has arrived of the answer; true once it is whole
  void expect_ok() const;
  const HttpAnswer& answer() const { return answer_; }
  const Socket& socket() const { return socket_; }

 private:
  std::uint16_t port_;
  Socket socket_;
  std::string action_;
  HttpAnswer answer_;
};

// The text of the next member of that name at or after `from`, which moves behind it; empty when
// there is none. Enough for what servers answer here: names and values without escapes.
std::string_view next_text(std::string_view json, std::string_view name, std::size_t& from);
std::string_view first_text(std::string_view json, std::string_view name);

}  // namespace tailrace::load
