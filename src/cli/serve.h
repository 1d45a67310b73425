#pragma once

#include <functional>
#include <string>

#include "cli/session.h"
#include "config/config.h"

namespace tailrace::cli {

// Runs the server in this process until a signal ends it. `ready` is called once the admin port is
// bound; with --json that is announced on stdout as {"event":"ready","admin":"HOST:PORT"}.
Outcome serve(Session& session, config::Config config, std::string config_file,
              std::function<void()> ready);

}  // namespace tailrace::cli
