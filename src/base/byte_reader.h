#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tailrace {

// Reads bytes from outside without ever reading past their end: after the first read that does
// not fit, ok() is false and every later read gives zero or an empty view. Check ok() once at the
// end, before anything read is believed.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : next_(bytes.data()), end_(next_ + bytes.size()) {}

  bool ok() const { return ok_; }
  bool at_end() const { return next_ == end_; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - next_); }
  const char* position() const { return next_; }

  // Network byte order, as PostgreSQL's protocol has it.
  template <typename Integer>
  Integer be() {
    Integer value = le<Integer>();
    if constexpr (sizeof(Integer) == 2)
      return static_cast<Integer>(__builtin_bswap16(static_cast<std::uint16_t>(value)));
    else if constexpr (sizeof(Integer) == 4)
      return static_cast<Integer>(__builtin_bswap32(static_cast<std::uint32_t>(value)));
    else if constexpr (sizeof(Integer) == 8)
      return static_cast<Integer>(__builtin_bswap64(static_cast<std::uint64_t>(value)));
    else
      return value;
  }

  // Little endian, as our own log has it.
  template <typename Integer>
  Integer le() {
    static_assert(std::endian::native == std::endian::little);
    Integer value{};
    if (!take(sizeof value)) return value;
    std::memcpy(&value, next_ - sizeof value, sizeof value);
    return value;
  }

  std::string_view bytes(std::size_t count) {
    if (!take(count)) return {};
    return {next_ - count, count};
  }

  // Up to a NUL, which is consumed and not returned.
  std::string_view c_string() {
    const void* nul = left() == 0 ? nullptr : std::memchr(next_, 0, left());
    if (!ok_ || nul == nullptr) {
      fail();
      return {};
    }
    auto length = static_cast<std::size_t>(static_cast<const char*>(nul) - next_);
    std::string_view text{next_, length};
    next_ += length + 1;
    return text;
  }

 private:
  bool take(std::size_t count) {
    if (!ok_ || left() < count) {
      fail();
      return false;
    }
    next_ += count;
    return true;
  }
  void fail() {
    ok_ = false;
    next_ = end_;
  }

  const char* next_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace tailrace
