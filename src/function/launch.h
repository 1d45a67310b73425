#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "function/functions.h"
#include "record/account.h"

namespace tailrace::function {

// Where everything that starts a worker of one function lies.
struct Launch {
  std::vector<std::string> arguments;
  std::string interpreter_folder;  // goes first in PATH; empty for `provided`
};

// Whether the function can be started at all, and how. Fault::invalid names what is missing and
// what to do. `runtime_folder` holds the runtime clients.
Result<Launch> plan_launch(const FunctionSpec& spec, const std::string& runtime_folder);

// The whole environment of a worker, "NAME=value". Only what is listed here: the server's own
// variables hold its secrets.
std::vector<std::string> worker_environment(const FunctionSpec& spec, const Launch& launch,
                                            const Account& account,
                                            const std::string& runtime_folder,
                                            const std::string& temporary_folder,
                                            const std::string& bytecode_folder, std::uint16_t port,
                                            const std::string& mark);

// The runtime clients, embedded into the binary.
struct RuntimeFile {
  std::string_view name;
  std::string_view content;
};
extern const RuntimeFile runtime_files[2];

}  // namespace tailrace::function
