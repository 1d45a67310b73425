#include <algorithm>

#include "config/config.h"

namespace tailrace::config {
namespace {

// Wide enough for any line a person wrote; a JSON document in one line is cut around the caret.
constexpr std::size_t excerpt_characters_max = 120;

std::string_view line_of(std::string_view content, int line) {
  if (content.starts_with("\xef\xbb\xbf")) content.remove_prefix(3);
  for (int i = 1; i < line; ++i) {
    std::size_t end = content.find('\n');
    if (end == std::string_view::npos) return {};
    content.remove_prefix(end + 1);
  }
  content = content.substr(0, content.find('\n'));
  if (content.ends_with('\r')) content.remove_suffix(1);
  return content;
}

// An excerpt ends up in terminals and CI logs: the password of a URI is covered by stars.
std::string without_passwords(std::string_view line) {
  std::string out(line);
  for (std::size_t scheme = out.find("://"); scheme != std::string::npos;
       scheme = out.find("://", scheme + 3)) {
    std::size_t start = scheme + 3;
    std::size_t end = std::min(out.find_first_of(" \t\"'", start), out.size());
    std::size_t at = out.rfind('@', end);
    std::size_t colon = out.find(':', start);
    if (at == std::string::npos || colon == std::string::npos || at < start || colon > at) continue;
    std::string_view password = std::string_view(out).substr(colon + 1, at - colon - 1);
    if (!password.starts_with("${")) std::fill(out.begin() + colon + 1, out.begin() + at, '*');
  }
  for (std::size_t word = out.find("password="); word != std::string::npos;
       word = out.find("password=", word + 9)) {
    std::size_t start = word + 9;
    std::size_t end = std::min(out.find_first_of(" \t\"'&", start), out.size());
    if (out.compare(start, 2, "${") != 0) std::fill(out.begin() + start, out.begin() + end, '*');
  }
  return out;
}

std::vector<std::string_view> characters_of(std::string_view line) {
  std::vector<std::string_view> out;
  for (std::size_t i = 0; i < line.size();) {
    std::size_t end = i + 1;
    while (end < line.size() && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) ++end;
    out.push_back(line.substr(i, end - i));
    i = end;
  }
  return out;
}

bool is_control(std::string_view character) {
  return character.size() == 1 && character != "\t" &&
         (static_cast<unsigned char>(character[0]) < 0x20 || character[0] == 0x7f ||
          (character[0] & 0x80) != 0);
}

}  // namespace

std::string render(const Problem& problem, std::string_view content) {
  std::string out = problem.file;
  if (problem.line > 0)
    out += ":" + std::to_string(problem.line) + ":" + std::to_string(problem.column);
  out += problem.warning ? ": warning: " : ": error: ";
  if (!problem.key.empty()) out += problem.key + ": ";
  out += problem.message + "\n";
  if (problem.line == 0) return out;

  std::string line = without_passwords(line_of(content, problem.line));
  if (line.empty()) return out;
  std::vector<std::string_view> characters = characters_of(line);
  std::size_t caret =
      std::min(static_cast<std::size_t>(std::max(problem.column, 1) - 1), characters.size());
  std::size_t first =
      caret > excerpt_characters_max / 2 && characters.size() > excerpt_characters_max
          ? caret - excerpt_characters_max / 2
          : 0;
  std::size_t end = std::min(characters.size(), first + excerpt_characters_max);

  const std::string number = std::to_string(problem.line);
  out += "  " + number + " | ";
  for (std::size_t i = first; i < end; ++i) out += is_control(characters[i]) ? "?" : characters[i];
  out += "\n  " + std::string(number.size(), ' ') + " | ";
  for (std::size_t i = first; i < caret; ++i) out += characters[i] == "\t" ? '\t' : ' ';
  out += "^\n";
  return out;
}

}  // namespace tailrace::config
