#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tailrace::http {

// Takes the chunked coding off a body (RFC 9112, 7.1):
//
//   5\r\nhello\r\n  6\r\n world\r\n  0\r\n  trailer: dropped\r\n  \r\n
//
// Strict, since what two parsers read differently smuggles a request: every line ends in CR LF, a
// size is hexadecimal digits and nothing else, chunk extensions are refused, trailers are checked,
// capped and dropped.
class ChunkedBody {
 public:
  enum class State { more, done, bad };
  struct Step {
    std::size_t used = 0;   // of the bytes given
    std::string_view data;  // the part of the body among them
    State state = State::more;
  };
  // Goes on from the front of `bytes`, up to the end of the next piece of data or of the body. It
  // uses at least one byte, or says done or bad.
  Step decode(std::string_view bytes);

 private:
  enum class At { size, size_line_end, data, data_line_end, trailer, done, bad };

  At next(char c);
  bool size_digit(char c);
  At next_in_trailer(char c);

  At at_ = At::size;
  std::uint64_t size_ = 0;
  int digits_ = 0;
  bool carriage_return_ = false;
  std::string line_;  // of a trailer
  std::size_t trailer_bytes_ = 0;
};

}  // namespace tailrace::http
