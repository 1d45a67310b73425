#include "cli/program.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <algorithm>

#include "config/config.h"

namespace tailrace::cli {
namespace {

constexpr const char* description =
    "Tailrace races committed PostgreSQL changes into a durable stream and to your functions.";
constexpr const char* footer =
    "Data goes to stdout, everything else to stderr. Exit codes: 0 ok, 1 failed, 2 usage or "
    "configuration,\n"
    "3 something it needs is not reachable or not fit, 4 differences found. docs/cli.md has the "
    "details.";

Color color_of(const std::string& word) {
  if (word == "auto") return Color::automatic;
  if (word == "always") return Color::always;
  if (word == "never") return Color::never;
  throw CLI::ValidationError("--color", "expected auto, always or never, found \"" + word + "\"");
}

void add_settings(CLI::App& program, Settings& settings) {
  program.add_flag("--json", settings.json,
                   "Answer in JSON: one envelope, or a line each for live commands");
  program.add_option("--config", settings.config,
                     "The configuration file (default: tailrace.yaml)");
  program.add_option(
      "--admin", settings.admin,
      "The server's admin API, HOST:PORT (else TAILRACE_ADMIN, else the configuration's)");
  program
      .add_option_function<std::string>(
          "--color", [&settings](const std::string& word) { settings.color = color_of(word); },
          "auto, always or never")
      ->type_name("WHEN");
  program.add_flag("-q,--quiet", settings.quiet, "Say only what is wrong");
  program.add_flag("-v,--verbose", settings.verbose, "Say more; twice for everything");
}

void add_commands(CLI::App& program, Chosen& chosen) {
  add_run(program, chosen);
  add_dev(program, chosen);
  add_check(program, chosen);
  add_validate(program, chosen);
  add_status(program, chosen);
  add_tail(program, chosen);
  add_wait(program, chosen);
  add_logs(program, chosen);
  add_invoke(program, chosen);
  add_parked(program, chosen);
  add_task(program, chosen);
  add_log(program, chosen);
  add_version(program, chosen);
  add_completion(program, chosen);
  // The settings may stand behind the command too: tailrace status --json.
  for (CLI::App* command : program.get_subcommands([](CLI::App*) { return true; }))
    command->fallthrough();
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

// The first word that names no command where one is needed, and what was meant.
std::string unknown_command(const CLI::App& program, const std::vector<std::string>& arguments) {
  const CLI::App* at = &program;
  std::string path;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "--config" || word == "--admin" || word == "--color") ++i;
    if (word.starts_with('-')) continue;
    std::vector<std::string> names;
    const CLI::App* next = nullptr;
    for (const CLI::App* sub : commands_of(*at)) {
      names.push_back(sub->get_name());
      if (sub->get_name() == word) next = sub;
    }
    if (names.empty()) return {};
    if (!next) {
      auto meant = config::did_you_mean(word, names);
      return "unknown command \"" + path + word + "\"" +
             (meant ? "; did you mean \"" + path + *meant + "\"?" : "");
    }
    at = next;
    path += word + " ";
  }
  return {};
}

// The first option that neither the command nor the program has, and what was meant.
std::string unknown_option(const CLI::App& program, const CLI::App& used) {
  for (const std::string& extra : program.remaining(true)) {
    if (!extra.starts_with('-')) continue;
    std::vector<std::string> known;
    for (const CLI::App* app : {&used, &program}) {
      for (const CLI::Option* option : app->get_options()) {
        for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
      }
    }
    const std::string name = extra.substr(0, extra.find('='));
    auto meant = config::did_you_mean(name, known);
    return "unknown option \"" + name + "\"" + (meant ? "; did you mean \"" + *meant + "\"?" : "");
  }
  return {};
}

std::string usage_error(const CLI::App& program, const std::vector<std::string>& arguments,
                        const CLI::ParseError& error) {
  std::string unknown = unknown_command(program, arguments);
  if (!unknown.empty()) return unknown + " (tailrace --help lists the commands)";
  const CLI::App* used = &program;
  std::string path;
  for (auto parsed = used->get_subcommands(); !parsed.empty(); parsed = used->get_subcommands()) {
    used = parsed.front();
    path += " " + used->get_name();
  }
  std::string text = unknown_option(program, *used);
  if (text.empty()) text = error.what();
  return text + " (tailrace" + path + " --help tells more)";
}

}  // namespace

std::unique_ptr<Parsed> parse_arguments(const std::vector<std::string>& arguments) {
  auto parsed = std::make_unique<Parsed>();
  auto program = std::make_shared<CLI::App>(description, "tailrace");
  parsed->program = program;
  program->footer(footer);
  program->set_version_flag("--version", "tailrace " TAILRACE_VERSION);
  program->require_subcommand(1);
  add_settings(*program, parsed->settings);
  add_commands(*program, parsed->chosen);

  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    program->parse(reversed);
  } catch (const CLI::CallForVersion&) {
    parsed->text = "tailrace " TAILRACE_VERSION "\n";
    parsed->chosen = {};
  } catch (const CLI::CallForHelp&) {
    parsed->text = program->help();
    parsed->chosen = {};
  } catch (const CLI::ParseError& error) {
    // What was set before the error still counts; --json may stand behind it.
    parsed->settings.json |=
        std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
    parsed->code = exit_usage;
    parsed->text = arguments.empty() ? program->help() : usage_error(*program, arguments, error);
    parsed->chosen = {};
  }
  return parsed;
}

}  // namespace tailrace::cli
