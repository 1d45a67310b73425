#pragma once

#include <string>
#include <string_view>

namespace tailrace::load {

// One HTTP/1.1 answer, read as it arrives: with a length, in chunks, or up to the end of the
// connection. What is no HTTP is a std::runtime_error.
class HttpAnswer {
 public:
  // Where the socket's bytes go.
  std::string& arrived() { return arrived_; }
  // Reads on in what has arrived. True once the answer is whole.
  bool advance();

  int status() const { return status_; }  // 0 before the header is whole
  std::string_view body() const;          // so far
  // The server wants no further request on this connection (RFC 9112, section 9.6).
  bool closes() const { return closes_; }
  // Forgets the answer, for the next one of the connection.
  void clear();

 private:
  enum class Length { unknown, known, chunked, to_the_end };

  bool read_header();
  bool read_chunks();

  std::string arrived_;
  std::string chunks_;  // decoded
  std::size_t at_ = 0;  // of arrived_, where the body or its next chunk begins
  std::size_t body_bytes_ = 0;
  Length length_ = Length::unknown;
  int status_ = 0;
  bool closes_ = false;
};

}  // namespace tailrace::load
