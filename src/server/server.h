#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/result.h"
#include "config/config.h"

namespace tailrace::server {

struct Options {
  config::Config config;
  std::string config_file;  // read again on reload; empty: there is none (tailrace dev)
  // Called once every part runs and the admin port is bound.
  std::function<void()> ready;
  std::chrono::seconds stop_patience{30};  // how long a TERM may drain before it is cut short
};

// Runs until SIGTERM or SIGINT (drain, then return) or a second one that comes a second or more
// later (exit 130/143 at once); SIGHUP reloads. Fault::conflict: the data folder or a port cannot
// be had (exit code 3). Diagnostics go to spdlog's default logger. Once at a time in a process:
// signals are the process's.
Result<void> run(Options options);

}  // namespace tailrace::server
