#include "base/closest_word.h"

#include <algorithm>
#include <cstddef>

namespace tailrace {
namespace {

char fold(char letter) {
  if (letter >= 'A' && letter <= 'Z') return static_cast<char>(letter + ('a' - 'A'));
  return letter == '_' ? '-' : letter;
}

// Insertions, deletions, replacements and swaps of neighbours that make `from` into `to`.
std::size_t edits_between(std::string_view from, std::string_view to) {
  std::vector<std::size_t> before_last, last(to.size() + 1), now(to.size() + 1);
  for (std::size_t j = 0; j <= to.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= from.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= to.size(); ++j) {
      bool same = fold(from[i - 1]) == fold(to[j - 1]);
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      bool swapped = i > 1 && j > 1 && fold(from[i - 1]) == fold(to[j - 2]) &&
                     fold(from[i - 2]) == fold(to[j - 1]);
      if (swapped) now[j] = std::min(now[j], before_last[j - 2] + 1);
    }
    before_last = last;
    last.swap(now);
  }
  return last[to.size()];
}

}  // namespace

std::optional<std::string_view> closest_word(std::string_view word,
                                             const std::vector<std::string_view>& known) {
  // Nobody misspells a word this long by a few letters, and the effort grows with its square.
  if (word.size() > 100) return std::nullopt;
  std::optional<std::string_view> closest;
  std::size_t edits_min = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (std::string_view candidate : known) {
    std::size_t longer = std::max(word.size(), candidate.size());
    if (longer - std::min(word.size(), candidate.size()) >= edits_min) continue;
    std::size_t edits = edits_between(word, candidate);
    if (edits >= edits_min) continue;
    edits_min = edits;
    closest = candidate;
  }
  return closest;
}

}  // namespace tailrace
