#include "base/base64.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace tailrace {
namespace {

constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// The value of a character where it stands in its group of four, with the bytes of the result in
// memory order: first, second, third. A character that is none sets the high byte.
constexpr std::uint32_t invalid = 0xff000000;
constexpr std::array<std::array<std::uint32_t, 256>, 4> make_places() {
  std::array<std::array<std::uint32_t, 256>, 4> places{};
  for (auto& place : places)
    for (auto& value : place) value = invalid;
  for (std::uint32_t i = 0; i < 64; ++i) {
    auto c = static_cast<unsigned char>(alphabet[i]);
    places[0][c] = i << 2;
    places[1][c] = (i >> 4) | (i & 15) << 12;
    places[2][c] = (i >> 2) << 8 | (i & 3) << 22;
    places[3][c] = i << 16;
  }
  return places;
}
constexpr auto places = make_places();

// Two characters at once for each 12 bits.
constexpr std::array<std::array<char, 2>, 4096> make_pairs() {
  std::array<std::array<char, 2>, 4096> pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] = {alphabet[i >> 6], alphabet[i & 63]};
  return pairs;
}
constexpr auto pairs = make_pairs();

constexpr std::size_t encoded_size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }

void encode(std::string_view bytes, char* to) {
  const auto* from = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t left = bytes.size();
  for (; left >= 3; from += 3, left -= 3, to += 4) {
    std::uint32_t three = (std::uint32_t{from[0]} << 16) | (std::uint32_t{from[1]} << 8) | from[2];
    std::memcpy(to, pairs[three >> 12].data(), 2);
    std::memcpy(to + 2, pairs[three & 4095].data(), 2);
  }
  if (left > 0) {
    std::uint32_t three =
        (std::uint32_t{from[0]} << 16) | (left == 2 ? std::uint32_t{from[1]} << 8 : 0);
    std::memcpy(to, pairs[three >> 12].data(), 2);
    to[2] = left == 2 ? alphabet[(three >> 6) & 63] : '=';
    to[3] = '=';
  }
}

std::uint32_t group(const unsigned char* four) {
  return places[0][four[0]] | places[1][four[1]] | places[2][four[2]] | places[3][four[3]];
}

}  // namespace

void append_base64(Buffer& out, std::string_view bytes) {
  encode(bytes, out.room(encoded_size(bytes.size())));
  out.wrote(encoded_size(bytes.size()));
}

void append_base64(std::string& out, std::string_view bytes) {
  std::size_t before = out.size();
  out.resize(before + encoded_size(bytes.size()));
  encode(bytes, out.data() + before);
}

std::string base64(std::string_view bytes) {
  std::string out;
  append_base64(out, bytes);
  return out;
}

std::optional<std::size_t> decode_base64(std::string_view text, char* out) {
  static_assert(std::endian::native == std::endian::little);
  if (text.size() % 4 != 0) return std::nullopt;
  if (text.empty()) return 0;
  const auto* from = reinterpret_cast<const unsigned char*>(text.data());
  const auto* last = from + text.size() - 4;
  char* to = out;
  // Writes stay behind reads: three bytes for the four that were read. Whether a character was
  // none is asked once at the end, so that the loop has no branch.
  std::uint32_t seen = 0;
  for (; from < last; from += 4, to += 3) {
    std::uint32_t three = group(from);
    seen |= three;
    std::memcpy(to, &three, 3);
  }
  std::array<unsigned char, 4> four{last[0], last[1], last[2], last[3]};
  std::size_t count = four[3] != '=' ? 3 : four[2] != '=' ? 2 : 1;
  for (std::size_t i = count + 1; i < 4; ++i) four[i] = 'A';
  std::uint32_t three = group(four.data());
  seen |= three;
  if ((seen & invalid) != 0 || three >> (8 * count) != 0) return std::nullopt;
  std::memcpy(to, &three, count);
  return static_cast<std::size_t>(to - out) + count;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string bytes(text.size() / 4 * 3, '\0');
  auto count = decode_base64(text, bytes.data());
  if (!count) return std::nullopt;
  bytes.resize(*count);
  return bytes;
}

}  // namespace tailrace
