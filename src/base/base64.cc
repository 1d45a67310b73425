#include "base/base64.h"

#include <array>
#include <cstdint>

namespace tailrace {
namespace {

constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> make_values() {
  std::array<std::int8_t, 256> values{};
  for (auto& value : values) value = -1;
  for (std::int8_t i = 0; i < 64; ++i)
    values[static_cast<unsigned char>(alphabet[static_cast<std::size_t>(i)])] = i;
  return values;
}

constexpr auto values = make_values();

}  // namespace

void append_base64(Buffer& out, std::string_view bytes) {
  char* to = out.room((bytes.size() + 2) / 3 * 4);
  char* start = to;
  const auto* from = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t left = bytes.size();
  for (; left >= 3; from += 3, left -= 3) {
    std::uint32_t three = (std::uint32_t{from[0]} << 16) | (std::uint32_t{from[1]} << 8) | from[2];
    *to++ = alphabet[three >> 18];
    *to++ = alphabet[(three >> 12) & 63];
    *to++ = alphabet[(three >> 6) & 63];
    *to++ = alphabet[three & 63];
  }
  if (left > 0) {
    std::uint32_t three =
        (std::uint32_t{from[0]} << 16) | (left == 2 ? std::uint32_t{from[1]} << 8 : 0);
    *to++ = alphabet[three >> 18];
    *to++ = alphabet[(three >> 12) & 63];
    *to++ = left == 2 ? alphabet[(three >> 6) & 63] : '=';
    *to++ = '=';
  }
  out.wrote(static_cast<std::size_t>(to - start));
}

std::string base64(std::string_view bytes) {
  Buffer out;
  append_base64(out, bytes);
  return std::string(out.view());
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t at = 0; at < text.size(); at += 4) {
    std::uint32_t four = 0;
    std::size_t missing = at + 4 == text.size() ? padding : 0;
    for (std::size_t i = 0; i < 4; ++i) {
      std::int8_t value =
          i >= 4 - missing ? std::int8_t{0} : values[static_cast<unsigned char>(text[at + i])];
      if (value < 0) return std::nullopt;
      four = (four << 6) | static_cast<std::uint32_t>(value);
    }
    if (missing > 0 && (four & ((1u << (8 * missing)) - 1)) != 0) return std::nullopt;
    for (std::size_t i = 0; i < 3 - missing; ++i)
      bytes.push_back(static_cast<char>(four >> (16 - 8 * i)));
  }
  return bytes;
}

}  // namespace tailrace
