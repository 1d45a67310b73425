#pragma once

#include "base/result.h"

namespace tailrace::cli {

// The exit codes of docs/cli.md. 130 and 143 belong to the second SIGINT or SIGTERM.
enum ExitCode : int {
  exit_ok = 0,
  exit_failed = 1,       // it did not work
  exit_usage = 2,        // the command line or the configuration is wrong
  exit_environment = 3,  // something it needs is not reachable or not fit: server, database, port
  exit_differences = 4,  // the check ran and found differences: damage in a log
};

int exit_code_of(Fault fault);

}  // namespace tailrace::cli
