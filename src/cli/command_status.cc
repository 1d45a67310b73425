#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "cli/admin_client.h"
#include "cli/commands.h"
#include "cli/status_text.h"

namespace tailrace::cli {
namespace {

Outcome status(Session& session) {
  auto client = AdminClient::find(session);
  if (!client) return Outcome::failed(std::move(client).error());
  auto answer = client->get("/v1/status");
  if (!answer) return Outcome::failed(std::move(answer).error());
  if (!session.settings.json) session.console.print(status_text(session.console, *answer));
  return Outcome::of(*std::move(answer));
}

}  // namespace

void add_status(CLI::App& program, Chosen& chosen) {
  auto* command = program.add_subcommand(
      "status", "Show tasks, streams, functions and triggers of a running server");
  command->callback([&chosen] { chosen = {"status", status}; });
}

}  // namespace tailrace::cli
