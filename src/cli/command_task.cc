#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/percent_encoding.h"
#include "cli/admin_client.h"
#include "cli/commands.h"

namespace tailrace::cli {
namespace {

Outcome control(Session& session, const std::string& name, const std::string& action) {
  auto client = AdminClient::find(session);
  if (!client) return Outcome::failed(std::move(client).error());
  // A stop makes durable what was received first.
  auto answer = client->post("/v1/tasks/" + percent_encoded(name) + "/" + action, "{}",
                             std::chrono::minutes(2));
  if (!answer) return Outcome::failed(std::move(answer).error());
  auto status = nlohmann::json::parse(*answer, nullptr, false);
  std::string state = status.is_object() ? status.value("state", "unknown") : "unknown";
  session.print("task " + name + ": " + for_terminal(state) + "\n");
  return Outcome::of(*std::move(answer));
}

void add_action(CLI::App& parent, Chosen& chosen, const std::string& action,
                const std::string& description) {
  auto* command = parent.add_subcommand(action, description);
  command->fallthrough();
  auto name = std::make_shared<std::string>();
  command->add_option("NAME", *name, "The task's name")->required();
  command->callback([&chosen, name, action] {
    chosen = {"task " + action,
              [name, action](Session& session) { return control(session, *name, action); }};
  });
}

}  // namespace

void add_task(CLI::App& program, Chosen& chosen) {
  auto* command = program.add_subcommand("task", "Start, stop, resume or reload a task");
  command->require_subcommand(1);
  add_action(*command, chosen, "start", "Start a stopped task; it goes on where the log ends");
  add_action(*command, chosen, "stop", "Stop a task; what it has received is made durable first");
  add_action(*command, chosen, "resume", "Go on with a task that failed, once its cause is mended");
  add_action(*command, chosen, "reload", "Drop the slot, make a new one and load the tables again");
}

}  // namespace tailrace::cli
