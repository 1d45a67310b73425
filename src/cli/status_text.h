#pragma once

#include <string>
#include <string_view>

#include "cli/console.h"

namespace tailrace::cli {

// The answer of GET /v1/status as aligned tables, with errors and warnings below them.
std::string status_text(const Console& console, std::string_view status_json);

}  // namespace tailrace::cli
