#include "base/utf8.h"

#include <cstdint>
#include <cstring>

namespace tailrace {
namespace {

bool continues(unsigned char byte) { return (byte & 0xc0) == 0x80; }

// The length of the well-formed sequence at the start, 0 if there is none.
std::size_t sequence_length(const unsigned char* bytes, std::size_t left) {
  unsigned char first = bytes[0];
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  std::size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (left < length) return 0;
  // The second byte's range is narrower after these: overlong forms, surrogates, the end of
  // Unicode.
  unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (bytes[1] < low || bytes[1] > high) return 0;
  for (std::size_t i = 2; i < length; ++i)
    if (!continues(bytes[i])) return 0;
  return length;
}

}  // namespace

bool is_utf8(std::string_view text) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t left = text.size();
  while (left > 0) {
    std::uint64_t eight;
    if (left >= sizeof eight) {
      std::memcpy(&eight, bytes, sizeof eight);
      if ((eight & 0x8080808080808080u) == 0) {
        bytes += sizeof eight;
        left -= sizeof eight;
        continue;
      }
    }
    std::size_t length = sequence_length(bytes, left);
    if (length == 0) return false;
    bytes += length;
    left -= length;
  }
  return true;
}

}  // namespace tailrace
