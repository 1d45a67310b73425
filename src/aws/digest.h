#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/hex.h"

namespace tailrace::aws {

using Sha256 = std::array<std::uint8_t, 32>;

// Any thread may call; the algorithms are looked up once.
Sha256 sha256(std::string_view bytes);
Sha256 hmac_sha256(std::string_view key, std::string_view bytes);

inline std::string_view bytes_of(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}
inline std::string hex(const Sha256& digest) { return tailrace::hex(bytes_of(digest)); }

// Takes as long whether and wherever two texts of one length differ.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace tailrace::aws
