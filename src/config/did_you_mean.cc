#include "base/closest_word.h"
#include "config/config.h"

namespace tailrace::config {

std::optional<std::string> did_you_mean(std::string_view word,
                                        const std::vector<std::string>& known) {
  auto closest = closest_word(word, {known.begin(), known.end()});
  if (!closest) return std::nullopt;
  return std::string(*closest);
}

}  // namespace tailrace::config
