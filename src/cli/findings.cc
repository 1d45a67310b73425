#include "cli/findings.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tailrace::cli {
namespace {

using capture::Finding;

std::string_view word_for(Finding::Level level) {
  switch (level) {
    case Finding::Level::ok:
      return "ok";
    case Finding::Level::warning:
      return "warning";
    case Finding::Level::error:
      return "error";
  }
  __builtin_unreachable();
}

Style style_of(Finding::Level level) {
  switch (level) {
    case Finding::Level::ok:
      return Style::green;
    case Finding::Level::warning:
      return Style::yellow;
    case Finding::Level::error:
      return Style::red;
  }
  __builtin_unreachable();
}

// Each line of the text, moved in.
std::string indented(const std::string& text, const std::string& indent) {
  std::string out = indent;
  for (char c : text) {
    out += c;
    if (c == '\n') out += indent;
  }
  return out;
}

}  // namespace

bool has_errors(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.level == Finding::Level::error; });
}

std::string findings_text(const Console& console, const std::vector<Finding>& findings,
                          bool with_ok) {
  std::string out;
  for (const Finding& finding : findings) {
    if (finding.level == Finding::Level::ok && !with_ok) continue;
    std::string word(word_for(finding.level));
    out += "  " + console.paint(style_of(finding.level), word) + std::string(9 - word.size(), ' ') +
           finding.what + "\n";
    if (!finding.cure.empty()) out += indented(finding.cure, "             ") + "\n";
  }
  return out;
}

std::string findings_json(const std::vector<Finding>& findings) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Finding& finding : findings)
    list.push_back(
        {{"level", word_for(finding.level)}, {"what", finding.what}, {"cure", finding.cure}});
  return list.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

int preflight_exit_code(Fault fault) {
  return fault == Fault::invalid ? exit_usage : exit_environment;
}

}  // namespace tailrace::cli
