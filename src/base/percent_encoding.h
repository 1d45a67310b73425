#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tailrace {

// RFC 3986 section 2: every byte but letters, digits and "-._~" becomes % and two digits in upper
// case. The characters of `kept` stay as well.
std::string percent_encoded(std::string_view text, std::string_view kept = {});

// What a plus stands for: itself, or a space as in an HTML form.
enum class Plus { literal, space };
// The bytes that were encoded, with digits in either case. Nothing when a % is not followed by two.
std::optional<std::string> percent_decoded(std::string_view text, Plus plus = Plus::literal);

}  // namespace tailrace
