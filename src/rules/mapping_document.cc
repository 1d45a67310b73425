#include "rules/mapping_document.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "base/closest_word.h"
#include "base/utf8.h"
#include "rules/pattern.h"

namespace tailrace::rules {
namespace {

using nlohmann::json;
using Words = std::vector<std::string_view>;

// What the document's problems are, each "path: what is wrong and the way out".
class Problems {
 public:
  void add(const std::string& path, const std::string& what) {
    if (lines_.size() == lines_max)
      ++left_out_;
    else
      lines_.push_back(path.empty() ? what : path + ": " + what);
  }
  bool empty() const { return lines_.empty(); }
  Error error() const {
    std::string text;
    for (const std::string& line : lines_) text += (text.empty() ? "" : "\n") + line;
    if (left_out_ > 0)
      text +=
          "\n" + std::to_string(left_out_) + " more problems are not shown; correct these first";
    return {Fault::invalid, text};
  }

 private:
  // Nobody corrects more in one go, and a broken generator may make one in every rule.
  static constexpr std::size_t lines_max = 100;

  std::size_t left_out_ = 0;
  std::vector<std::string> lines_;
};

// The documents need five levels. What is nested without end would take a path of its own length
// for each problem in it, and a stack of its own depth to show.
constexpr std::size_t depth_max = 64;

struct NestedTooDeep {};

// Follows the parser and reports keys that an object has twice: the parser itself would keep the
// last one silently.
class DuplicateKeys {
 public:
  explicit DuplicateKeys(Problems& problems) : problems_(problems) {}

  void see(json::parse_event_t event, const json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
      case json::parse_event_t::array_start:
        count_element();
        if (levels_.size() == depth_max) throw NestedTooDeep{};
        levels_.push_back({.is_array = event == json::parse_event_t::array_start});
        break;
      case json::parse_event_t::object_end:
      case json::parse_event_t::array_end:
        levels_.pop_back();
        break;
      case json::parse_event_t::value:
        count_element();
        break;
      case json::parse_event_t::key:
        levels_.back().key = parsed.get<std::string>();
        if (!levels_.back().keys.insert(levels_.back().key).second)
          problems_.add(path(), "is here twice; remove one of the two");
        break;
    }
  }

 private:
  struct Level {
    bool is_array = false;
    std::size_t elements = 0;
    std::string key = {};
    std::set<std::string> keys = {};
  };

  void count_element() {
    if (!levels_.empty()) ++levels_.back().elements;
  }
  std::string path() const {
    std::string path;
    for (const Level& level : levels_) {
      if (level.is_array)
        path += "[" + std::to_string(level.elements - 1) + "]";
      else
        path += (path.empty() ? "" : ".") + level.key;
    }
    return path;
  }

  Problems& problems_;
  std::vector<Level> levels_;
};

std::string in_quotes(std::string_view text) { return '"' + std::string(text) + '"'; }

std::string did_you_mean(std::string_view word, const Words& known) {
  auto closest = closest_word(word, known);
  return closest ? "; did you mean " + in_quotes(*closest) + "?" : "";
}

std::string listed(const Words& words) {
  std::string text;
  for (std::string_view word : words) text += (text.empty() ? "" : ", ") + std::string(word);
  return text;
}

std::string_view kind_of(const json& value) {
  switch (value.type()) {
    case json::value_t::object:
      return "an object";
    case json::value_t::array:
      return "an array";
    case json::value_t::string:
      return "a string";
    case json::value_t::boolean:
      return "a boolean";
    case json::value_t::null:
      return "null";
    default:
      return "a number";
  }
}

// The documents of AWS's own console carry integers as text as often as as numbers.
std::optional<std::uint64_t> integer_of(const json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  const auto* text = value.get_ptr<const std::string*>();
  if (!text || text->empty() || text->size() > 18) return std::nullopt;
  std::uint64_t number = 0;
  for (char digit : *text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return number;
}

class DocumentReader {
 public:
  explicit DocumentReader(Problems& problems) : problems_(problems) {}

  std::vector<Selection> read(const json& document) {
    if (!document.is_object()) {
      problems_.add("", "the document is " + std::string(kind_of(document)) +
                            R"(; it must be an object: {"rules": [...]})");
      return {};
    }
    check_keys(document, "", {"rules"});
    auto rules = document.find("rules");
    if (rules == document.end()) {
      problems_.add("rules", "is missing; list at least one selection rule there");
    } else if (!rules->is_array()) {
      problems_.add("rules",
                    "is " + std::string(kind_of(*rules)) + "; it must be an array of rules");
    } else {
      for (std::size_t i = 0; i < rules->size(); ++i)
        read_rule((*rules)[i], "rules[" + std::to_string(i) + "]");
      if (!may_select_)
        problems_.add("rules",
                      "nothing would be captured; add a selection rule with the rule-action "
                      "include or explicit");
    }
    return std::move(selections_);
  }

 private:
  void read_rule(const json& rule, const std::string& path) {
    if (!rule.is_object()) {
      may_select_ = true;  // Unknown: do not complain about what it might have said.
      problems_.add(path, "is " + std::string(kind_of(rule)) + "; it must be an object");
      return;
    }
    read_rule_id(rule, path);
    read_rule_name(rule, path);
    static const Words types = {"selection",      "transformation", "object-mapping",
                                "table-settings", "validation",     "post-processing"};
    std::optional<std::string> type = read_word(rule, path, "rule-type", types);
    if (!type) {
      may_select_ = true;
    } else if (*type == "selection") {
      read_selection(rule, path);
    } else {
      problems_.add(path + ".rule-type", in_quotes(*type) +
                                             " rules are not supported yet; remove this rule (only "
                                             "\"selection\" rules are)");
    }
  }

  void read_selection(const json& rule, const std::string& path) {
    check_keys(rule, path,
               {"rule-type", "rule-id", "rule-name", "rule-action", "object-locator", "load-order",
                "filters"});
    Selection selection;
    std::optional<std::string> action =
        read_word(rule, path, "rule-action", {"include", "exclude", "explicit"});
    if (!action || *action != "exclude") may_select_ = true;
    if (action == "exclude") selection.action = Selection::Action::exclude;
    if (action == "explicit") selection.action = Selection::Action::exact;
    read_locator(rule, path, selection);
    read_load_order(rule, path, selection);
    auto filters = rule.find("filters");
    if (filters != rule.end() && !filters->is_null() && !filters->empty())
      problems_.add(
          path + ".filters",
          "source filters are not supported yet; remove them, and filter in the function");
    selections_.push_back(std::move(selection));
  }

  void read_locator(const json& rule, const std::string& path, Selection& selection) {
    std::string locator_path = path + ".object-locator";
    auto locator = rule.find("object-locator");
    if (locator == rule.end() || !locator->is_object()) {
      problems_.add(locator_path, (locator == rule.end() ? "is missing"
                                                         : "is " + std::string(kind_of(*locator))) +
                                      R"(; write {"schema-name": "public", "table-name": "%"})");
      return;
    }
    check_keys(*locator, locator_path, {"schema-name", "table-name", "table-type"});
    selection.schema = read_pattern(*locator, locator_path, "schema-name", selection.action);
    selection.table = read_pattern(*locator, locator_path, "table-name", selection.action);
    if (!locator->contains("table-type")) return;
    auto type = read_word(*locator, locator_path, "table-type", {"table", "view", "all"});
    if (type && *type != "table")
      problems_.add(
          locator_path + ".table-type",
          in_quotes(*type) + " is not supported: views are not captured; write \"table\"");
  }

  std::string read_pattern(const json& locator, const std::string& path, const char* key,
                           Selection::Action action) {
    std::string at = path + "." + key;
    auto value = locator.find(key);
    if (value == locator.end()) {
      problems_.add(at, "is missing; write a name, or % for all");
      return {};
    }
    if (!value->is_string()) {
      problems_.add(at, "is " + std::string(kind_of(*value)) + "; it must be a string");
      return {};
    }
    auto pattern = value->get<std::string>();
    if (action != Selection::Action::exact) {
      if (auto flaw = flaw_of_pattern(pattern)) problems_.add(at, in_quotes(pattern) + " " + *flaw);
    } else if (pattern.empty()) {
      problems_.add(at, "is empty; write a name");
    } else if (pattern.find('%') != std::string::npos) {
      problems_.add(at, in_quotes(pattern) +
                            " has a wildcard, but an explicit rule takes exact names; "
                            "use the rule-action include");
    }
    return pattern;
  }

  void read_load_order(const json& rule, const std::string& path, Selection& selection) {
    auto value = rule.find("load-order");
    if (value == rule.end()) return;
    auto order = integer_of(*value);
    if (!order || *order < 1 || *order > 2147483647) {
      problems_.add(
          path + ".load-order",
          value->dump() + " is not a load order; it must be a whole number from 1 to 2147483647");
    } else if (selection.action == Selection::Action::exclude) {
      problems_.add(path + ".load-order", "has no meaning with the rule-action exclude; remove it");
    } else {
      selection.load_order = static_cast<std::uint32_t>(*order);
    }
  }

  void read_rule_id(const json& rule, const std::string& path) {
    std::string at = path + ".rule-id";
    auto value = rule.find("rule-id");
    if (value == rule.end()) {
      problems_.add(at, "is missing; give the rule a number of its own");
      return;
    }
    auto id = integer_of(*value);
    if (!id) {
      problems_.add(at, value->dump() + " is not a rule id; it must be a whole number");
      return;
    }
    auto [first, is_new] = rule_ids_.emplace(*id, path);
    if (!is_new)
      problems_.add(at, std::to_string(*id) + " is the id of " + first->second +
                            " too; give each rule a number of its own");
  }

  void read_rule_name(const json& rule, const std::string& path) {
    std::string at = path + ".rule-name";
    auto value = rule.find("rule-name");
    if (value == rule.end()) {
      problems_.add(at, "is missing; give the rule a name of its own");
    } else if (!value->is_string()) {
      problems_.add(at, "is " + std::string(kind_of(*value)) + "; it must be a string");
    } else if (value->get_ref<const std::string&>().empty()) {
      problems_.add(at, "is empty; give the rule a name of its own");
    } else {
      auto [first, is_new] = rule_names_.emplace(value->get<std::string>(), path);
      if (!is_new)
        problems_.add(at, in_quotes(first->first) + " is the name of " + first->second +
                              " too; give each rule a name of its own");
    }
  }

  // A member that must be one of a few words.
  std::optional<std::string> read_word(const json& object, const std::string& path, const char* key,
                                       const Words& words) {
    std::string at = path + "." + key;
    auto value = object.find(key);
    if (value == object.end()) {
      problems_.add(at, "is missing; it must be one of " + listed(words));
      return std::nullopt;
    }
    if (!value->is_string()) {
      problems_.add(at,
                    "is " + std::string(kind_of(*value)) + "; it must be one of " + listed(words));
      return std::nullopt;
    }
    auto word = value->get<std::string>();
    if (std::find(words.begin(), words.end(), word) != words.end()) return word;
    problems_.add(at,
                  in_quotes(word) + " is not one of " + listed(words) + did_you_mean(word, words));
    return std::nullopt;
  }

  void check_keys(const json& object, const std::string& path, const Words& known) {
    for (const auto& [key, value] : object.items()) {
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      std::string hint = did_you_mean(key, known);
      problems_.add(
          path.empty() ? key : path + "." + key,
          "unknown key" + (hint.empty() ? "; remove it (known are " + listed(known) + ")" : hint));
    }
  }

  Problems& problems_;
  std::vector<Selection> selections_;
  std::map<std::uint64_t, std::string> rule_ids_;
  std::map<std::string, std::string> rule_names_;
  bool may_select_ = false;
};

// "[json.exception.parse_error.101] parse error at line 3, column 5: ..." from "line" on.
std::string place_and_reason(std::string_view what) {
  std::size_t line = what.find("line ");
  if (line != std::string_view::npos) what.remove_prefix(line);
  // What was last read may end within a character, or not be UTF-8 at all.
  if (!is_utf8(what)) what = what.substr(0, what.find("; last read"));
  return std::string(what);
}

}  // namespace

Result<std::vector<Selection>> read_mapping_document(std::string_view text) {
  Problems problems;
  DuplicateKeys duplicates(problems);
  json document;
  try {
    document = json::parse(text, [&](int, json::parse_event_t event, const json& parsed) {
      duplicates.see(event, parsed);
      return true;
    });
  } catch (const json::exception& exception) {
    return Error{Fault::invalid,
                 "the table mappings are not JSON: " + place_and_reason(exception.what())};
  } catch (const NestedTooDeep&) {
    return Error{Fault::invalid, "the table mappings are nested deeper than " +
                                     std::to_string(depth_max) + " levels"};
  }
  std::vector<Selection> selections = DocumentReader(problems).read(document);
  if (!problems.empty()) return problems.error();
  return selections;
}

}  // namespace tailrace::rules
