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

// A quoted value to its closing quote, another to the end of the line.
void cover_values_of(std::string_view key, std::string& line) {
  constexpr std::string_view quotes = "\"'", blanks = " \t";
  for (std::size_t at = line.find(key); at != std::string::npos; at = line.find(key, at + 1)) {
    std::size_t colon = line.find_first_not_of(quotes, at + key.size());
    if (colon != std::string::npos) colon = line.find_first_not_of(blanks, colon);
    if (colon == std::string::npos || line[colon] != ':') continue;
    std::size_t start = line.find_first_not_of(blanks, colon + 1), end = line.size();
    if (start == std::string::npos) continue;
    if (quotes.find(line[start]) != std::string_view::npos) {
      end = std::min(line.find(line[start], start + 1), line.size());
      ++start;
    }
    if (line.compare(start, 2, "${") != 0)
      std::fill(line.begin() + static_cast<std::ptrdiff_t>(start),
                line.begin() + static_cast<std::ptrdiff_t>(end), '*');
  }
}

// An excerpt ends up in terminals and CI logs: the password of a URI is covered by stars, and so
// are an access key's secrets.
std::string without_secrets(std::string_view line) {
  std::string out(line);
  cover_values_of("secret", out);
  cover_values_of("session_token", out);
  // Of the word that holds `scheme`, found once however many there are in it.
  std::size_t end = 0, at = 0;
  for (std::size_t scheme = out.find("://"); scheme != std::string::npos;
       scheme = out.find("://", scheme + 3)) {
    std::size_t start = scheme + 3;
    if (end < start) {
      end = std::min(out.find_first_of(" \t\"'", start), out.size());
      at = std::string_view(out).substr(start, end - start).rfind('@');
      if (at != std::string::npos) at += start;
    }
    std::size_t colon = out.find(':', start);
    if (at == std::string::npos || colon > at) continue;
    if (out.compare(colon + 1, 2, "${") != 0)
      std::fill(out.begin() + static_cast<std::ptrdiff_t>(colon + 1),
                out.begin() + static_cast<std::ptrdiff_t>(at), '*');
  }
  for (std::size_t word = out.find("password="); word != std::string::npos;
       word = out.find("password=", word + 9)) {
    std::size_t start = word + 9;
    end = std::min(out.find_first_of(" \t\"'&", start), out.size());
    if (out.compare(start, 2, "${") != 0)
      std::fill(out.begin() + static_cast<std::ptrdiff_t>(start),
                out.begin() + static_cast<std::ptrdiff_t>(end), '*');
  }
  return out;
}

// Takes the first character off the text.
std::string_view take_character(std::string_view& text) {
  std::size_t end = 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
  std::string_view character = text.substr(0, end);
  text.remove_prefix(end);
  return character;
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

  std::string line = without_secrets(line_of(content, problem.line));
  if (line.empty()) return out;
  std::size_t characters = 0;
  for (std::string_view rest = line; !rest.empty(); take_character(rest)) ++characters;
  std::size_t caret =
      std::min(static_cast<std::size_t>(std::max(problem.column, 1) - 1), characters);
  std::size_t first = caret > excerpt_characters_max / 2 && characters > excerpt_characters_max
                          ? caret - excerpt_characters_max / 2
                          : 0;
  std::size_t end = std::min(characters, first + excerpt_characters_max);
  std::string_view rest = line;
  for (std::size_t i = 0; i < first; ++i) take_character(rest);

  const std::string number = std::to_string(problem.line);
  std::string excerpt, below;
  for (std::size_t i = first; i < end; ++i) {
    std::string_view character = take_character(rest);
    excerpt += is_control(character) ? "?" : character;
    if (i < caret) below += character == "\t" ? '\t' : ' ';
  }
  out += "  " + number + " | " + excerpt + "\n";
  out += "  " + std::string(number.size(), ' ') + " | " + below + "^\n";
  return out;
}

}  // namespace tailrace::config
