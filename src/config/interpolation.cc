#include "config/interpolation.h"

#include <cctype>
#include <filesystem>

namespace tailrace::config {
namespace {

bool is_variable_name(std::string_view name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) return false;
  for (unsigned char c : name) {
    if (!std::isalnum(c) && c != '_') return false;
  }
  return true;
}

std::string file_content(std::string_view path, const std::string& folder,
                         const Surroundings& surroundings, std::vector<std::string>& problems) {
  std::filesystem::path full = std::filesystem::path(folder) / path;
  auto content = surroundings.read(full.string());
  if (!content) {
    problems.push_back("${file:" + std::string(path) +
                       "} cannot be read: " + content.error().message);
    return {};
  }
  // An editor or `echo` ends a file with a line end that is not part of the secret.
  if (content->ends_with('\n')) content->pop_back();
  if (content->ends_with('\r')) content->pop_back();
  return *std::move(content);
}

// What stands between ${ and }.
std::string replacement(std::string_view inside, const std::string& folder,
                        const Surroundings& surroundings, std::vector<std::string>& problems) {
  if (inside.starts_with("file:"))
    return file_content(inside.substr(5), folder, surroundings, problems);
  std::size_t dash = inside.find(":-");
  std::string name(inside.substr(0, dash));
  if (!is_variable_name(name)) {
    problems.push_back(
        "\"${" + std::string(inside) +
        "}\" is none of ${VAR}, ${VAR:-default} and ${file:/path}; write $${ for a literal ${");
    return {};
  }
  auto value = surroundings.variable(name);
  if (dash != std::string_view::npos && (!value || value->empty()))
    return std::string(inside.substr(dash + 2));
  if (!value) {
    problems.push_back("the environment variable " + name + " is not set; set it, or write ${" +
                       name + ":-default}");
    return {};
  }
  return *std::move(value);
}

}  // namespace

std::string interpolate(std::string_view text, const std::string& folder,
                        const Surroundings& surroundings, std::vector<std::string>& problems) {
  std::string out;
  while (!text.empty()) {
    std::size_t open = text.find("${");
    out += text.substr(0, open);
    if (open == std::string_view::npos) return out;
    if (open > 0 && text[open - 1] == '$') {
      out += '{';  // the first $ of $${ is in `out` already
      text.remove_prefix(open + 2);
      continue;
    }
    text.remove_prefix(open + 2);
    std::size_t close = text.find('}');
    if (close == std::string_view::npos) {
      problems.push_back("\"${\" without its \"}\"; write $${ for a literal ${");
      return out;
    }
    out += replacement(text.substr(0, close), folder, surroundings, problems);
    text.remove_prefix(close + 1);
  }
  return out;
}

}  // namespace tailrace::config
