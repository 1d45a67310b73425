#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tailrace {
namespace hex_detail {

constexpr std::array<std::int8_t, 256> make_values() {
  std::array<std::int8_t, 256> values{};
  for (auto& value : values) value = -1;
  for (std::size_t i = 0; i < 10; ++i) values['0' + i] = static_cast<std::int8_t>(i);
  for (std::size_t i = 0; i < 6; ++i)
    values['a' + i] = values['A' + i] = static_cast<std::int8_t>(10 + i);
  return values;
}
inline constexpr auto values = make_values();

}  // namespace hex_detail

// What a hexadecimal digit in either case stands for; -1 for any other character.
constexpr int hex_value(char digit) {
  return hex_detail::values[static_cast<unsigned char>(digit)];
}

// Two digits a byte, in lower case.
std::string hex(std::string_view bytes);

// Digits in either case. Nothing when something else is among them or one of a pair is missing.
std::optional<std::string> from_hex(std::string_view digits);

}  // namespace tailrace
