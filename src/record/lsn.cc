#include "record/lsn.h"

#include <cstdio>

#include "base/whole_number.h"

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
  auto high = parse_whole<std::uint32_t>(text.substr(0, slash), 16);
  auto low = parse_whole<std::uint32_t>(text.substr(slash + 1), 16);
  if (!high || !low) return std::nullopt;
  return Lsn{(std::uint64_t{*high} << 32) | *low};
}

}  // namespace tailrace
