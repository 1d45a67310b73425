#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>

#include "base/json_text.h"
#include "cli/commands.h"
#include "cli/configuration.h"
#include "cli/findings.h"

namespace tailrace::cli {
namespace {

// Preflight of every task: one that cannot be checked does not keep the others from it.
Outcome check(Session& session) {
  auto config = read_configuration(session);
  if (!config) return Outcome::failed(std::move(config).error());
  std::string json;
  Outcome outcome;
  std::size_t unfit = 0;
  for (const capture::TaskSpec& task : config->declaration.tasks) {
    session.print(session.console.paint(Style::bold, "task " + task.name) + "\n");
    json += (json.empty() ? "" : ",") + std::string("{\"task\":") + json_string(task.name);
    auto findings = capture::preflight(task);
    if (!findings) {
      session.print(findings_text(
          session.console, {{capture::Finding::Level::error, findings.error().message, ""}}, true));
      json += ",\"error\":" + json_string(findings.error().message) + "}";
      outcome.code = std::max(outcome.code, preflight_exit_code(findings.error().fault));
      ++unfit;
      continue;
    }
    session.print(findings_text(session.console, *findings, true));
    json += ",\"findings\":" + findings_json(*findings) + "}";
    if (!has_errors(*findings)) continue;
    outcome.code = exit_environment;
    ++unfit;
  }
  outcome.result = "[" + json + "]";
  if (unfit > 0)
    outcome.error = Error{Fault::unavailable, std::to_string(unfit) + " of " +
                                                  std::to_string(config->declaration.tasks.size()) +
                                                  " tasks cannot run as things are"};
  if (config->declaration.tasks.empty()) session.print("no tasks are declared\n");
  return outcome;
}

}  // namespace

void add_check(CLI::App& program, Chosen& chosen) {
  auto* command = program.add_subcommand(
      "check",
      "Check each task's database: settings, rights, tables. Changes nothing; names the cure");
  command->callback([&chosen] { chosen = {"check", check}; });
}

}  // namespace tailrace::cli
