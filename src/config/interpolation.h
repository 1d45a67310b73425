#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/config.h"

namespace tailrace::config {

// Replaces ${VAR}, ${VAR:-default} and ${file:/path} (less the file's last line end); $${ is a
// literal ${. Relative paths start at `folder`. Every problem of the text goes to `problems`; the
// answer is of use only when there was none.
std::string interpolate(std::string_view text, const std::string& folder,
                        const Surroundings& surroundings, std::vector<std::string>& problems);

}  // namespace tailrace::config
