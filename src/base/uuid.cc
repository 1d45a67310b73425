#include "base/uuid.h"

#include <array>
#include <string_view>

#include "base/hex.h"
#include "base/random.h"

namespace tailrace {
namespace {

std::string uuid_of(std::string bytes) {
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  auto digits = hex(bytes);
  std::string text;
  text.reserve(36);
  std::string_view rest = digits;
  for (std::size_t part : {8u, 4u, 4u, 4u, 12u}) {
    if (!text.empty()) text += '-';
    text += rest.substr(0, part);
    rest.remove_prefix(part);
  }
  return text;
}

}  // namespace

std::string random_uuid() { return uuid_of(random_bytes(16)); }

std::string random_uuid(std::mt19937_64& random) {
  std::array<std::uint64_t, 2> words{random(), random()};
  return uuid_of({reinterpret_cast<const char*>(words.data()), sizeof words});
}

}  // namespace tailrace
