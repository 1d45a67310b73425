#include <algorithm>
#include <filesystem>
#include <set>

#include "base/whole_number.h"
#include "config/quantities.h"
#include "config/sections.h"
#include "rules/mappings.h"

namespace tailrace::config {
namespace {

// The node that a path such as "rules[2].object-locator.schema-name" names, or the nearest one
// above it that exists.
const Node& node_at(const Node& root, std::string_view path) {
  const Node* node = &root;
  while (!path.empty()) {
    const Node* next = nullptr;
    if (path.front() == '[') {
      std::size_t close = path.find(']');
      if (close == std::string_view::npos) break;
      auto index = parse_whole<std::size_t>(path.substr(1, close - 1));
      if (index && *index < node->items.size()) next = &node->items[*index];
      path.remove_prefix(close + 1);
    } else {
      if (path.front() == '.') path.remove_prefix(1);
      std::size_t end = std::min(path.find_first_of(".["), path.size());
      for (const Node::Member& member : node->members) {
        if (member.key.text == path.substr(0, end)) next = &member.value;
      }
      path.remove_prefix(end);
      if (end == 0) break;
    }
    if (!next) break;
    node = next;
  }
  return *node;
}

// A problem of the rules as "path: message", if it begins with a path.
std::string_view path_of(std::string_view problem) {
  std::size_t colon = problem.find(": ");
  if (colon == std::string_view::npos) return {};
  std::string_view path = problem.substr(0, colon);
  return path.find(' ') == std::string_view::npos ? path : std::string_view{};
}

// Reports each line of the rules' complaint where its path leads in the file.
void report(Reading& reading, const Node& node, const std::string& key, const std::string& origin,
            std::string_view complaint) {
  while (!complaint.empty()) {
    std::size_t end = std::min(complaint.find('\n'), complaint.size());
    std::string_view line = complaint.substr(0, end);
    complaint.remove_prefix(std::min(end + 1, complaint.size()));
    if (!line.empty())
      reading.error(node_at(node, path_of(line)).place, key, origin + std::string(line));
  }
}

// A second key of the same name would be dropped on the way to JSON.
void report_duplicates(Reading& reading, const Node& node, const std::string& key) {
  std::set<std::string_view> seen;
  for (const Node::Member& member : node.members) {
    if (!seen.insert(member.key.text).second)
      reading.error(member.key.place, key + "." + member.key.text, "this key stands here twice");
    report_duplicates(reading, member.value, key + "." + member.key.text);
  }
  for (std::size_t i = 0; i < node.items.size(); ++i)
    report_duplicates(reading, node.items[i], key + "[" + std::to_string(i) + "]");
}

std::string check(Reading& reading, const Node& node, const std::string& key,
                  const std::string& origin, const std::string& json) {
  auto mappings = rules::Mappings::parse(json);
  if (mappings) return mappings->json();
  report(reading, node, key, origin, mappings.error().message);
  return {};
}

}  // namespace

std::string read_table_mappings(Reading& reading, const Node& node, const std::string& key) {
  if (node.kind == Node::Kind::mapping) {
    std::size_t before = reading.problem_count();
    report_duplicates(reading, node, key);
    return reading.problem_count() == before ? check(reading, node, key, "", to_json(node)) : "";
  }
  if (node.kind != Node::Kind::scalar) {
    reading.error(node.place, key,
                  "expected the name of a table-mapping file or the document itself, found " +
                      describe(node));
    return {};
  }
  // A document in the text has its own use for ${}: DMS names columns that way.
  std::size_t first = node.text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && node.text[first] == '{')
    return check(reading, node, key, "", node.text);

  auto path = reading.interpolated(node, key);
  if (!path) return {};
  auto content = reading.surroundings().read(reading.absolute(*path));
  if (!content) {
    reading.error(node.place, key,
                  "the table-mapping file cannot be read: " + content.error().message);
    return {};
  }
  return check(reading, node, key, *path + ": ", *content);
}

}  // namespace tailrace::config
