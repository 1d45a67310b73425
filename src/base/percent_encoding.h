#pragma once

#include <string>
#include <string_view>

namespace tailrace {

// RFC 3986 section 2: every byte but letters, digits and "-._~" becomes % and two digits in upper
// case. The characters of `kept` stay as well.
std::string percent_encoded(std::string_view text, std::string_view kept = {});

}  // namespace tailrace
