#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/server.h"

namespace tailrace::http {

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7), of this second.
std::string_view http_date();

bool status_has_body(int status);

// A line break in a field's value would start a field, or an answer, of the value's choosing: it
// becomes a space.
std::string field_value(std::string_view value);

// "HTTP/1.1 200 OK" and what follows it.
class AnswerHead {
 public:
  explicit AnswerHead(int status);
  void add(std::string_view name, std::string_view value);
  void add(const Headers& headers);
  // Ends the head; nothing may be added any more.
  std::string take();

 private:
  std::string text_;
};

}  // namespace tailrace::http
