#include "record/lsn.h"

#include <charconv>
#include <cstdio>

namespace tailrace {

std::string to_string(Lsn lsn) {
  char text[24];
  int length = std::snprintf(text, sizeof text, "%X/%X", static_cast<unsigned>(lsn.value >> 32),
                             static_cast<unsigned>(lsn.value));
  return {text, static_cast<std::size_t>(length)};
}

std::optional<Lsn> parse_lsn(std::string_view text) {
  auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  auto half = [](std::string_view digits) -> std::optional<std::uint32_t> {
    std::uint32_t value = 0;
    auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (failure != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return value;
  };
  auto high = half(text.substr(0, slash)), low = half(text.substr(slash + 1));
  if (!high || !low) return std::nullopt;
  return Lsn{(std::uint64_t{*high} << 32) | *low};
}

}  // namespace tailrace
