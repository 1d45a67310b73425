#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "base/json_text.h"
#include "cli/commands.h"

namespace tailrace::cli {

void add_version(CLI::App& program, Chosen& chosen) {
  auto* command = program.add_subcommand("version", "Print the version");
  command->callback([&chosen] {
    chosen = {"version", [](Session& session) {
                session.print("tailrace " TAILRACE_VERSION "\n");
                return Outcome::of("{\"version\":" + json_string(TAILRACE_VERSION) + "}");
              }};
  });
}

}  // namespace tailrace::cli
