#pragma once

#include <string>
#include <string_view>

#include "cli/session.h"

namespace tailrace::cli {

// Sends what an operator reads (spdlog's default logger) to stderr, a line each:
//   time=2026-01-31T10:00:00.123Z level=info msg="stream orders: created with 3 shards"
// -q leaves warnings and errors, -v adds debug, -vv trace.
void send_diagnostics_to_stderr(const Settings& settings);

// In quotes and on one line, whatever it holds: nobody outside can forge a line.
std::string logfmt_quoted(std::string_view text);

}  // namespace tailrace::cli
