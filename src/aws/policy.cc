#include "aws/policy.h"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/ascii_case.h"

namespace tailrace::aws {
namespace {

using Json = nlohmann::json;

Error invalid(std::string message) { return {Fault::invalid, std::move(message)}; }

// A key that stands twice would count once, and readers differ in which one.
Result<Json> parse_strictly(std::string_view text) {
  std::vector<std::set<std::string>> keys;
  std::string twice;
  auto watch = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second)
      twice = parsed.get<std::string>();
    return true;
  };
  // The deepest policy has three levels; documents are read once, at the start.
  auto document = Json::parse(text, watch, /*allow_exceptions=*/false);
  if (document.is_discarded()) return invalid("the policy is not JSON");
  if (!twice.empty()) return invalid("the policy has \"" + twice + "\" twice");
  if (!document.is_object()) return invalid("the policy is not a JSON object");
  return document;
}

Result<void> only_known(const Json& object, std::initializer_list<std::string_view> known,
                        const std::string& where) {
  for (const auto& [key, value] : object.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      return invalid(where + ": \"" + key + "\" is not supported and cannot be passed over");
  return {};
}

// One text or a list of them.
Result<std::vector<std::string>> texts(const Json& value, const std::string& where) {
  std::vector<std::string> found;
  if (value.is_string()) {
    found.push_back(value.get<std::string>());
  } else if (value.is_array()) {
    for (const auto& item : value) {
      if (!item.is_string()) return invalid(where + ": has to be text or a list of texts");
      found.push_back(item.get<std::string>());
    }
  }
  if (found.empty()) return invalid(where + ": has to be text or a list of texts");
  return found;
}

Result<void> check_action(const std::string& action, const std::string& where) {
  auto colon = action.find(':');
  if (action == "*" || (colon != std::string::npos && colon > 0 && colon + 1 < action.size()))
    return {};
  return invalid(where + ": \"" + action + "\" is not \"*\" and not like \"kinesis:PutRecord\"");
}

Result<void> check_resource(const std::string& resource, const std::string& where) {
  if (resource.find("${") != std::string::npos)
    return invalid(where + ": \"" + resource + "\" has a policy variable, which is not supported");
  if (resource == "*" || resource.starts_with("arn:")) return {};
  return invalid(where + ": \"" + resource + "\" is not \"*\" and not an ARN");
}

}  // namespace

struct Policy::Reader {
  template <typename Check>
  static Result<Patterns> patterns(const Json& statement, const char* key, const char* inverted_key,
                                   const std::string& where, Check check) {
    bool plain = statement.contains(key);
    bool inverted = statement.contains(inverted_key);
    if (plain == inverted) return invalid(where + ": needs one of " + key + " and " + inverted_key);
    const char* name = plain ? key : inverted_key;
    auto place = where + "." + name;
    auto found = texts(statement[name], place);
    if (!found) return std::move(found).error();
    for (const auto& text : *found)
      if (auto checked = check(text, place); !checked) return std::move(checked).error();
    return Patterns{.any_of = std::move(*found), .inverted = inverted};
  }

  static Result<Statement> statement(const Json& json, const std::string& where) {
    if (!json.is_object()) return invalid(where + ": is not an object");
    if (auto known = only_known(
            json, {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource"}, where);
        !known)
      return std::move(known).error();
    auto effect = json.find("Effect");
    if (effect == json.end() || (*effect != "Allow" && *effect != "Deny"))
      return invalid(where + ".Effect: has to be \"Allow\" or \"Deny\"");

    auto actions = patterns(json, "Action", "NotAction", where, check_action);
    if (!actions) return std::move(actions).error();
    auto resources = patterns(json, "Resource", "NotResource", where, check_resource);
    if (!resources) return std::move(resources).error();
    for (auto& action : actions->any_of) action = lower_case(action);
    return Statement{*effect == "Allow", std::move(*actions), std::move(*resources)};
  }
};

Result<Policy> Policy::parse(std::string_view text) {
  auto document = parse_strictly(text);
  if (!document) return std::move(document).error();
  if (auto known = only_known(*document, {"Version", "Id", "Statement"}, "the policy"); !known)
    return std::move(known).error();
  if (auto version = document->find("Version");
      version != document->end() && *version != "2012-10-17" && *version != "2008-10-17")
    return invalid("Version: has to be \"2012-10-17\" or \"2008-10-17\"");
  auto list = document->find("Statement");
  if (list == document->end()) return invalid("the policy has no Statement");

  Policy policy;
  auto statements = list->is_array() ? *list : Json::array({*list});
  for (std::size_t i = 0; i < statements.size(); ++i) {
    auto read = Reader::statement(statements[i], "Statement[" + std::to_string(i) + "]");
    if (!read) return std::move(read).error();
    policy.statements_.push_back(std::move(*read));
  }
  return policy;
}

bool Policy::Patterns::match(std::string_view text) const {
  bool matched = std::any_of(any_of.begin(), any_of.end(), [&](const std::string& pattern) {
    return wildcard_match(pattern, text);
  });
  return matched != inverted;
}

Policy::Verdict Policy::judge(std::string_view action, std::string_view resource) const {
  auto lower = lower_case(action);
  auto verdict = Verdict::not_allowed;
  for (const auto& statement : statements_) {
    if (!statement.actions.match(lower) || !statement.resources.match(resource)) continue;
    if (!statement.allows) return Verdict::explicitly_denied;
    verdict = Verdict::allowed;
  }
  return verdict;
}

// Only the last * has to be tried anew: what an earlier one could take more of, a later one can.
bool wildcard_match(std::string_view pattern, std::string_view text) {
  constexpr auto none = std::string_view::npos;
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = none;  // the last * seen
  std::size_t taken = 0;    // the end of what it stands for
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != none) {
      p = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace tailrace::aws
