#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "cli/session.h"
#include "config/config.h"

namespace tailrace::cli {

// Where the server's admin API is: --admin, else TAILRACE_ADMIN, else listen.admin of --config or
// ./tailrace.yaml, else 127.0.0.1:4590. A configuration that is wrong elsewhere (a variable that
// this shell has not set) still tells the address. Fault::invalid says which of them is wrong.
Result<config::Endpoint> server_address(
    const Settings& settings,
    const std::function<std::optional<std::string>(const std::string&)>& variable,
    const std::function<Result<config::Loaded>(const std::string&)>& load);
// With the process's environment and files.
Result<config::Endpoint> server_address(const Settings& settings);

}  // namespace tailrace::cli
