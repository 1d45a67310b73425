#pragma once

#include <string>
#include <vector>

#include "capture/task.h"
#include "cli/session.h"

namespace tailrace::cli {

bool has_errors(const std::vector<capture::Finding>& findings);

// A preflight's findings for people, each with its cure below it. `ok` ones too when asked.
std::string findings_text(const Console& console, const std::vector<capture::Finding>& findings,
                          bool with_ok);

// As a JSON array of {"level","what","cure"}.
std::string findings_json(const std::vector<capture::Finding>& findings);

// How a preflight that could not be done ends a command: a wrong URI is wrong usage, all else the
// environment.
int preflight_exit_code(Fault fault);

}  // namespace tailrace::cli
