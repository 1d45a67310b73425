#include "http/chunked_body.h"

#include <algorithm>

#include "base/hex.h"
#include "http/head_rules.h"

namespace tailrace::http {

namespace {

// Fifteen digits always fit; leading zeros count.
constexpr int digits_max = 15;
constexpr std::size_t trailer_bytes_max = 4096;

}  // namespace

ChunkedBody::Step ChunkedBody::decode(std::string_view bytes) {
  std::size_t used = 0;
  while (at_ != At::done && at_ != At::bad) {
    if (used == bytes.size()) return {used, {}, State::more};
    if (at_ == At::data) {
      auto data = bytes.substr(
          used, static_cast<std::size_t>(std::min<std::uint64_t>(size_, bytes.size() - used)));
      size_ -= data.size();
      if (size_ == 0) at_ = At::data_line_end;
      return {used + data.size(), data, State::more};
    }
    at_ = next(bytes[used++]);
  }
  return {used, {}, at_ == At::done ? State::done : State::bad};
}

// Everything but data goes byte by byte: it is little.
ChunkedBody::At ChunkedBody::next(char c) {
  switch (at_) {
    case At::size:
      if (c == '\r' && digits_ > 0) return At::size_line_end;
      return size_digit(c) ? At::size : At::bad;
    case At::size_line_end:
      if (c != '\n') return At::bad;
      digits_ = 0;
      return size_ == 0 ? At::trailer : At::data;
    case At::data_line_end:
      if (c != (carriage_return_ ? '\n' : '\r')) return At::bad;
      carriage_return_ = !carriage_return_;
      return carriage_return_ ? At::data_line_end : At::size;
    case At::trailer:
      return next_in_trailer(c);
    case At::data:
    case At::done:
    case At::bad:
      break;
  }
  return At::bad;
}

bool ChunkedBody::size_digit(char c) {
  int value = hex_value(c);
  if (value < 0 || ++digits_ > digits_max) return false;
  size_ = size_ * 16 + static_cast<unsigned>(value);
  return true;
}

ChunkedBody::At ChunkedBody::next_in_trailer(char c) {
  if (++trailer_bytes_ > trailer_bytes_max) return At::bad;
  line_ += c;
  if (c != '\n') return At::trailer;
  if (!line_.ends_with("\r\n")) return At::bad;
  line_.resize(line_.size() - 2);
  if (line_.empty()) return At::done;
  if (!std::holds_alternative<Field>(read_field(line_))) return At::bad;
  line_.clear();
  return At::trailer;
}

}  // namespace tailrace::http
