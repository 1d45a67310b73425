#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace tailrace {

// The known word that a person who wrote `word` most likely meant, for "did you mean": the one with
// the fewest changed letters (a swap of neighbours is one), none when all are far. Upper and lower
// case, and - and _, count as the same. The answer is one of `known`.
std::optional<std::string_view> closest_word(std::string_view word,
                                             const std::vector<std::string_view>& known);

}  // namespace tailrace
