#pragma once

#include "cli/session.h"
#include "config/config.h"

namespace tailrace::cli {

// On stderr, each with its line of the file.
void show_problems(Console& console, const config::Loaded& loaded);

// Reads the session's configuration file and shows its problems on stderr, each with its line.
// Fault::invalid when it is missing or has errors.
Result<config::Config> read_configuration(Session& session);

// The problems as a JSON array, for --json.
std::string problems_json(const std::vector<config::Problem>& problems);
// "2 errors, 1 warning"
std::string count_of(const std::vector<config::Problem>& problems);

}  // namespace tailrace::cli
