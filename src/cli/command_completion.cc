#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <memory>

#include "base/json_text.h"
#include "cli/commands.h"
#include "cli/completion.h"

namespace tailrace::cli {

void add_completion(CLI::App& program, Chosen& chosen) {
  auto* command = program.add_subcommand("completion", "Print a completion script for a shell");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([&program, &chosen, shell] {
    chosen = {"completion", [&program, shell](Session& session) {
                std::string script = *shell == "bash"  ? bash_completion(program)
                                     : *shell == "zsh" ? zsh_completion(program)
                                                       : fish_completion(program);
                session.print(script);
                return Outcome::of("{\"script\":" + json_string(script) + "}");
              }};
  });
}

}  // namespace tailrace::cli
