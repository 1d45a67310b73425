#include "load/http_answer.h"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <stdexcept>

namespace tailrace::load {
namespace {

std::size_t number(std::string_view text, int base) {
  std::size_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end == text.data())
    throw std::runtime_error("no number in the answer: " + std::string(text.substr(0, 40)));
  return value;
}

// The field's value, without the spaces before it. Names are compared without case.
std::optional<std::string_view> field(std::string_view header, std::string_view name) {
  for (std::size_t line = header.find("\r\n"); line + 2 < header.size();) {
    std::size_t begin = line + 2, end = std::min(header.find("\r\n", begin), header.size());
    std::string_view text = header.substr(begin, end - begin);
    if (text.size() > name.size() && text[name.size()] == ':' &&
        ::strncasecmp(text.data(), name.data(), name.size()) == 0) {
      text.remove_prefix(name.size() + 1);
      text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
      return text;
    }
    line = end;
  }
  return std::nullopt;
}

}  // namespace

bool HttpAnswer::advance() {
  if (length_ == Length::unknown && !read_header()) return false;
  switch (length_) {
    case Length::known:
      return arrived_.size() >= at_ + body_bytes_;
    case Length::chunked:
      return read_chunks();
    case Length::unknown:
    case Length::to_the_end:
      return false;
  }
  return false;
}

std::string_view HttpAnswer::body() const {
  if (length_ == Length::chunked) return chunks_;
  if (length_ == Length::unknown) return {};
  std::string_view rest = std::string_view(arrived_).substr(at_);
  return length_ == Length::known ? rest.substr(0, body_bytes_) : rest;
}

void HttpAnswer::clear() {
  std::size_t whole = length_ == Length::known ? at_ + body_bytes_ : at_;
  arrived_.erase(0, whole);
  chunks_.clear();
  at_ = body_bytes_ = 0;
  length_ = Length::unknown;
  status_ = 0;
  closes_ = false;
}

bool HttpAnswer::read_header() {
  std::size_t end = arrived_.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  std::string_view header = std::string_view(arrived_).substr(0, end);
  if (!header.starts_with("HTTP/1.1 ")) throw std::runtime_error("not an answer of HTTP/1.1");
  status_ = static_cast<int>(number(header.substr(9, 3), 10));
  at_ = end + 4;
  if (auto length = field(header, "content-length")) {
    length_ = Length::known;
    body_bytes_ = number(*length, 10);
  } else {
    length_ = field(header, "transfer-encoding") ? Length::chunked : Length::to_the_end;
  }
  closes_ = field(header, "connection").value_or("").starts_with("close");
  return true;
}

bool HttpAnswer::read_chunks() {
  while (true) {
    std::size_t line_end = arrived_.find("\r\n", at_);
    if (line_end == std::string::npos) return false;
    std::size_t bytes = number(std::string_view(arrived_).substr(at_, line_end - at_), 16);
    if (arrived_.size() < line_end + 2 + bytes + 2) return false;
    chunks_.append(arrived_, line_end + 2, bytes);
    at_ = line_end + 2 + bytes + 2;
    if (bytes == 0) return true;
  }
}

}  // namespace tailrace::load
