#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "cli/commands.h"
#include "cli/configuration.h"
#include "cli/serve.h"

namespace tailrace::cli {
namespace {

Outcome run_server(Session& session) {
  auto config = read_configuration(session);
  if (!config) return Outcome::failed(std::move(config).error());
  const std::string admin = to_string(config->admin);
  return serve(session, *std::move(config), session.config_file(),
               [&] { session.console.note("ready; admin API at http://" + admin); });
}

}  // namespace

void add_run(CLI::App& program, Chosen& chosen) {
  auto* command =
      program.add_subcommand("run", "Run the server that the configuration file describes");
  command->callback([&chosen] { chosen = {"run", run_server}; });
}

}  // namespace tailrace::cli
