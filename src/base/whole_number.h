#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string_view>
#include <system_error>

namespace tailrace {

// A text that is a whole number and nothing else: no space, no plus, and a minus only where the
// type has one. Nothing otherwise, or when the number does not fit the type.
template <std::integral Number>
std::optional<Number> parse_whole(std::string_view text, int base = 10) {
  Number number{};
  const char* end = text.data() + text.size();
  auto [stop, problem] = std::from_chars(text.data(), end, number, base);
  if (problem != std::errc{} || stop != end) return std::nullopt;
  return number;
}

}  // namespace tailrace
