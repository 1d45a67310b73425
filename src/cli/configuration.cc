#include "cli/configuration.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/human_text.h"

namespace tailrace::cli {

void show_problems(Console& console, const config::Loaded& loaded) {
  for (const config::Problem& problem : loaded.parsed.problems) {
    std::string text = config::render(problem, loaded.content);
    const std::string word = problem.warning ? "warning: " : "error: ";
    std::size_t at = text.find(": " + word, problem.file.size()) + 2;
    text.replace(at, word.size(),
                 console.paint_error(problem.warning ? Style::yellow : Style::red, word));
    console.show(text);
  }
}

Result<config::Config> read_configuration(Session& session) {
  const std::string file = session.config_file();
  auto loaded = config::load(file);
  if (!loaded) {
    std::string way_out = session.settings.config.empty() ? "; name one with --config FILE" : "";
    return Error{Fault::invalid, loaded.error().message + way_out};
  }
  show_problems(session.console, *loaded);
  if (!loaded->parsed.config)
    return Error{Fault::invalid, file + ": " + count_of(loaded->parsed.problems)};
  return *std::move(loaded->parsed.config);
}

std::string problems_json(const std::vector<config::Problem>& problems) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const config::Problem& problem : problems) {
    list.push_back({{"severity", problem.warning ? "warning" : "error"},
                    {"file", problem.file},
                    {"line", problem.line},
                    {"column", problem.column},
                    {"key", problem.key},
                    {"message", problem.message}});
  }
  // A broken file may hold any bytes; the answer is UTF-8 all the same.
  return list.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string count_of(const std::vector<config::Problem>& problems) {
  auto warnings = static_cast<std::size_t>(
      std::count_if(problems.begin(), problems.end(), [](const auto& p) { return p.warning; }));
  std::size_t errors = problems.size() - warnings;
  if (warnings == 0) return counted(errors, "error");
  if (errors == 0) return counted(warnings, "warning");
  return counted(errors, "error") + ", " + counted(warnings, "warning");
}

}  // namespace tailrace::cli
