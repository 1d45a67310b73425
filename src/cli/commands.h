#pragma once

#include <functional>
#include <string>

#include "cli/session.h"

namespace CLI {
class App;
}

namespace tailrace::cli {

// What parsing fills: the command that was chosen, ready to run.
struct Chosen {
  std::string command;  // "task start"
  std::function<Outcome(Session&)> run;
};

// Each adds its subcommand to the program, one file each.
void add_run(CLI::App& program, Chosen& chosen);
void add_dev(CLI::App& program, Chosen& chosen);
void add_check(CLI::App& program, Chosen& chosen);
void add_validate(CLI::App& program, Chosen& chosen);
void add_status(CLI::App& program, Chosen& chosen);
void add_tail(CLI::App& program, Chosen& chosen);
void add_wait(CLI::App& program, Chosen& chosen);
void add_logs(CLI::App& program, Chosen& chosen);
void add_invoke(CLI::App& program, Chosen& chosen);
void add_parked(CLI::App& program, Chosen& chosen);
void add_task(CLI::App& program, Chosen& chosen);
void add_log(CLI::App& program, Chosen& chosen);
void add_version(CLI::App& program, Chosen& chosen);
void add_completion(CLI::App& program, Chosen& chosen);

}  // namespace tailrace::cli
