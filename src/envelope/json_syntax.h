#pragma once

#include <cstddef>
#include <string_view>

namespace tailrace::envelope {

// Whether the text is one JSON number.
bool is_json_number(std::string_view text);

// Whether the text is one JSON value with at most json_depth_max levels of arrays and objects,
// with white space around it or not. Well-formed UTF-8 is taken for granted.
inline constexpr std::size_t json_depth_max = 512;
bool is_json(std::string_view text);

}  // namespace tailrace::envelope
