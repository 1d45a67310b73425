#include "cli/cli.h"

#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>

#include "base/json_text.h"
#include "cli/diagnostics.h"
#include "cli/program.h"

namespace tailrace::cli {
namespace {

std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (!value) return std::nullopt;
  return value;
}

// A pipe whose reading end is closed says so without being written to.
bool stdout_has_reader() {
  ::pollfd out{STDOUT_FILENO, 0, 0};
  return ::poll(&out, 1, 0) <= 0 || (out.revents & POLLERR) == 0;
}

std::string envelope(const std::string& command, const Outcome& outcome) {
  std::string text = "{\"command\":" + json_string(command) +
                     ",\"ok\":" + (outcome.code == exit_ok ? "true" : "false");
  if (!outcome.result.empty()) text += ",\"result\":" + outcome.result;
  if (outcome.error)
    text += ",\"error\":{\"fault\":" + json_string(name_of(outcome.error->fault)) +
            ",\"message\":" + json_string(outcome.error->message) + "}";
  return text + "}\n";
}

// Reports once, at the top, in the form that was asked for.
int finish(Session& session, const std::string& command, const Outcome& outcome) {
  if (session.settings.json) {
    if (!outcome.silent) session.console.print(envelope(command, outcome));
  } else if (outcome.error) {
    session.console.fail(for_terminal_lines(outcome.error->message));
  }
  return outcome.code;
}

}  // namespace

int run(int argc, char** argv) {
  // A reader that has gone (tail | head) is seen as a failed write, not as a signal.
  std::signal(SIGPIPE, SIG_IGN);
  auto parsed = parse_arguments({argv + (argc > 0 ? 1 : 0), argv + argc});

  send_diagnostics_to_stderr(parsed->settings);
  Console console(std::cout, std::cerr);
  console.set_reader_check(stdout_has_reader);
  console.set_quiet(parsed->settings.quiet);
  console.set_color(
      wants_color(parsed->settings.color, ::isatty(STDOUT_FILENO) == 1, environment_variable),
      wants_color(parsed->settings.color, ::isatty(STDERR_FILENO) == 1, environment_variable));
  Session session{parsed->settings, console};
  if (parsed->chosen.run)
    return finish(session, parsed->chosen.command, parsed->chosen.run(session));
  if (parsed->code == exit_ok) {
    console.print(parsed->text);
    return exit_ok;
  }
  if (argc < 2) {
    console.show(parsed->text);
    return parsed->code;
  }
  return finish(session, "", Outcome::failed(parsed->code, {Fault::invalid, parsed->text}));
}

}  // namespace tailrace::cli
