#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tailrace::rules {

// Name patterns of selection rules: % stands for any run of characters, _ for one, [ab] for one of
// a set, [a-d] for one of a range; so [_] and [%] are the characters themselves. A character is a
// Unicode code point.

// What is wrong with the pattern, if anything.
std::optional<std::string> flaw_of_pattern(std::string_view pattern);

// Whether the pattern, which has no flaw, matches the whole name.
bool matches(std::string_view pattern, std::string_view name);

// The only name that the pattern matches; none when it has wildcards.
std::optional<std::string> only_match(std::string_view pattern);

// The pattern that matches this name only.
std::string pattern_of(std::string_view name);

}  // namespace tailrace::rules
