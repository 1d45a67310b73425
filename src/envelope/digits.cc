#include "envelope/digits.h"

#include <charconv>

namespace tailrace::envelope {
namespace {

constexpr std::size_t digits_max = 20;  // of any 64-bit number, with its sign

template <typename Number>
void append_number(Buffer& out, Number number, int base) {
  char* to = out.room(digits_max);
  char* end = std::to_chars(to, to + digits_max, number, base).ptr;
  out.wrote(static_cast<std::size_t>(end - to));
}

// The lowest `count` hexadecimal digits, upper case.
void append_hex_digits(Buffer& out, std::uint32_t number, std::size_t count) {
  static constexpr char digits[] = "0123456789ABCDEF";
  char* to = out.room(count);
  for (std::size_t i = count; i-- > 0; number >>= 4) to[i] = digits[number & 15];
  out.wrote(count);
}

std::size_t hex_digits_of(std::uint32_t number) {
  std::size_t count = 1;
  while ((number >>= 4) != 0) ++count;
  return count;
}

}  // namespace

void append_decimal(Buffer& out, std::uint64_t number) { append_number(out, number, 10); }
void append_decimal(Buffer& out, std::int64_t number) { append_number(out, number, 10); }
void append_hex(Buffer& out, std::uint64_t number) { append_number(out, number, 16); }

void append_lsn(Buffer& out, Lsn lsn) {
  auto high = static_cast<std::uint32_t>(lsn.value >> 32);
  auto low = static_cast<std::uint32_t>(lsn.value);
  append_hex_digits(out, high, hex_digits_of(high));
  out.append('/');
  append_hex_digits(out, low, hex_digits_of(low));
}

void append_wide_lsn(Buffer& out, Lsn lsn) {
  append_hex_digits(out, static_cast<std::uint32_t>(lsn.value >> 32), 8);
  out.append('/');
  append_hex_digits(out, static_cast<std::uint32_t>(lsn.value), 8);
}

}  // namespace tailrace::envelope
