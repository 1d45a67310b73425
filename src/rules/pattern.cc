#include "rules/pattern.h"

namespace tailrace::rules {
namespace {

// The first character's bytes. Bytes that are no UTF-8 count one each.
std::string_view first_character(std::string_view text) {
  auto lead = static_cast<unsigned char>(text[0]);
  std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  return text.substr(0, size);
}

std::string_view take_character(std::string_view& text) {
  std::string_view character = first_character(text);
  text.remove_prefix(character.size());
  return character;
}

// Takes "[...]" from the pattern's start and gives what is between the brackets.
std::string_view take_set(std::string_view& pattern) {
  std::size_t close = pattern.find(']');
  std::string_view set = pattern.substr(1, close - 1);
  pattern.remove_prefix(close + 1);
  return set;
}

// UTF-8 sorts as its code points do, so a range compares bytes.
bool set_contains(std::string_view set, std::string_view character) {
  while (!set.empty()) {
    std::string_view first = take_character(set);
    std::string_view last = first;
    if (set.size() > 1 && set[0] == '-') {
      set.remove_prefix(1);
      last = take_character(set);
    }
    if (first <= character && character <= last) return true;
  }
  return false;
}

// Whether the pattern's first element, which is not %, stands for this character; takes it.
bool take_element(std::string_view& pattern, std::string_view character) {
  if (pattern[0] == '[') return set_contains(take_set(pattern), character);
  std::string_view element = take_character(pattern);
  return element == "_" || element == character;
}

}  // namespace

std::optional<std::string> flaw_of_pattern(std::string_view pattern) {
  if (pattern.empty()) return "is empty; write a name, or % for all";
  while (!pattern.empty()) {
    if (pattern[0] != '[') {
      pattern.remove_prefix(1);
      continue;
    }
    std::size_t close = pattern.find(']');
    if (close == std::string_view::npos)
      return "has a '[' without its ']'; write [[] for the character itself";
    if (close == 1)
      return "has an empty set []; write the characters it may be between the brackets";
    std::string_view set = pattern.substr(1, close - 1);
    for (std::string_view rest = set; !rest.empty();) {
      std::string_view first = take_character(rest);
      if (rest.size() < 2 || rest[0] != '-') continue;
      rest.remove_prefix(1);
      if (take_character(rest) < first)
        return "has the set [" + std::string(set) + "] with a range that runs backwards";
    }
    pattern.remove_prefix(close + 1);
  }
  return std::nullopt;
}

bool matches(std::string_view pattern, std::string_view name) {
  // Where to go on when the text after the last % does not fit: that % takes one character more.
  std::optional<std::string_view> pattern_after_any;
  std::string_view name_after_any;
  for (;;) {
    if (!pattern.empty() && pattern[0] == '%') {
      pattern.remove_prefix(1);
      pattern_after_any = pattern;
      name_after_any = name;
      continue;
    }
    if (pattern.empty() && name.empty()) return true;
    if (!pattern.empty() && !name.empty()) {
      if (take_element(pattern, first_character(name))) {
        take_character(name);
        continue;
      }
    }
    if (!pattern_after_any || name_after_any.empty()) return false;
    take_character(name_after_any);
    name = name_after_any;
    pattern = *pattern_after_any;
  }
}

std::optional<std::string> only_match(std::string_view pattern) {
  std::string name;
  while (!pattern.empty()) {
    if (pattern[0] == '%' || pattern[0] == '_') return std::nullopt;
    std::string_view character = pattern[0] == '[' ? take_set(pattern) : take_character(pattern);
    if (first_character(character) != character) return std::nullopt;
    name += character;
  }
  return name;
}

std::string pattern_of(std::string_view name) {
  std::string pattern;
  for (char byte : name) {
    bool special = byte == '%' || byte == '_' || byte == '[';
    pattern += special ? std::string{'[', byte, ']'} : std::string(1, byte);
  }
  return pattern;
}

}  // namespace tailrace::rules
