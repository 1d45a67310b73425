#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <memory>

#include "cli/commands.h"
#include "cli/configuration.h"

namespace tailrace::cli {
namespace {

Outcome validate(Session& session, bool deny_warnings) {
  const std::string file = session.config_file();
  auto loaded = config::load(file);
  if (!loaded) return Outcome::failed(exit_usage, std::move(loaded).error());
  const auto& problems = loaded->parsed.problems;
  show_problems(session.console, *loaded);

  Outcome outcome = Outcome::of(problems_json(problems));
  if (!loaded->parsed.config || (deny_warnings && !problems.empty())) {
    outcome.code = exit_usage;
    outcome.error = Error{Fault::invalid, file + ": " + count_of(problems)};
    return outcome;
  }
  session.print(file + ": ok" + (problems.empty() ? "" : ", " + count_of(problems)) + "\n");
  return outcome;
}

}  // namespace

void add_validate(CLI::App& program, Chosen& chosen) {
  auto* command = program.add_subcommand(
      "validate", "Check the configuration file, without touching anything else");
  auto deny_warnings = std::make_shared<bool>(false);
  command->add_flag("--deny-warnings", *deny_warnings, "Warnings count as errors");
  command->callback([&chosen, deny_warnings] {
    chosen = {"validate", [=](Session& session) { return validate(session, *deny_warnings); }};
  });
}

}  // namespace tailrace::cli
