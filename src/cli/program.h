#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/session.h"

namespace tailrace::cli {

// The command line as it was understood.
struct Parsed {
  Settings settings;
  Chosen chosen;       // has no `run` when there is nothing to run:
  int code = exit_ok;  // help and version, or a usage error
  std::string text;    // what to say then: help for stdout, or the error
  // What `chosen` refers to.
  std::shared_ptr<CLI::App> program;
};

// Understands the arguments without their program's name. Touches nothing else.
std::unique_ptr<Parsed> parse_arguments(const std::vector<std::string>& arguments);

}  // namespace tailrace::cli
