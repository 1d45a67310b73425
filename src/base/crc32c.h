#pragma once

#include <cstdint>
#include <string_view>

namespace tailrace {

// CRC-32C (Castagnoli, RFC 3720 appendix B.4). Chains: crc32c(b, crc32c(a)) == crc32c(a + b).
std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed = 0);

}  // namespace tailrace
