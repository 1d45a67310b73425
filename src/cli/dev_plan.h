#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/config.h"

namespace tailrace::cli {

// What "tailrace dev" was asked for.
struct DevRequest {
  std::string uri;
  std::vector<std::string> tables;  // empty: all
  std::string function;             // FILE:HANDLER, or empty
  std::string slot = "tailrace_dev";
  std::string admin = "127.0.0.1:4590", aws = "127.0.0.1:4566";
};

// The configuration without a file: stream, task and function "dev". Fault::invalid says which
// argument is wrong. `folder`: where its data goes.
Result<config::Config> plan_dev(const DevRequest& request, const std::string& folder);

// The folder of a source's data, the same at every start: $XDG_STATE_HOME/tailrace/dev-..., else
// ~/.local/state, else the system's temporary folder.
std::string dev_folder(
    const DevRequest& request,
    const std::function<std::optional<std::string>(const std::string&)>& variable);

}  // namespace tailrace::cli
