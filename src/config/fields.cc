#include "config/fields.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/whole_number.h"
#include "config/interpolation.h"
#include "config/quantities.h"

namespace tailrace::config {
namespace {

// A value quoted in a message is cut where it stops being of use.
constexpr std::size_t quoted_bytes_max = 60;

// A valid key is far shorter; one that is not stands in every problem below it.
constexpr std::size_t key_bytes_max = 200;

// Nobody corrects more in one go, and a broken generator may make one in every line.
constexpr std::size_t problems_max = 100;

// The text's beginning, whole characters only.
std::string beginning(const std::string& text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

// The members with each name once: the second of a name is reported and left out.
std::vector<const Node::Member*> without_duplicates(Reading& reading, const Node& node,
                                                    const std::string& path) {
  std::vector<const Node::Member*> members;
  std::map<std::string_view, int> first_line;
  for (const Node::Member& member : node.members) {
    if (member.key.kind != Node::Kind::scalar) {
      reading.error(member.key.place, path,
                    "a key must be a plain word, found " + describe(member.key));
      continue;
    }
    auto [known, is_new] = first_line.emplace(member.key.text, member.key.place.line);
    if (is_new) {
      members.push_back(&member);
      continue;
    }
    reading.error(
        member.key.place, path.empty() ? member.key.text : path + "." + member.key.text,
        "this key stands here twice; the first is in line " + std::to_string(known->second));
  }
  return members;
}

}  // namespace

Reading::Reading(std::string file, const Surroundings& surroundings)
    : file_(std::move(file)), surroundings_(surroundings) {
  std::error_code ignored;
  folder_ = std::filesystem::absolute(file_, ignored).parent_path().string();
}

void Reading::add(Place place, const std::string& key, std::string message, bool warning) {
  if (problems_.size() == problems_max) {
    ++left_out_;
    left_out_error_ |= !warning;
    return;
  }
  problems_.push_back({file_, place.line, place.column, beginning(key, key_bytes_max),
                       std::move(message), warning});
}

bool Reading::has_errors() const {
  return left_out_error_ || std::any_of(problems_.begin(), problems_.end(),
                                        [](const Problem& p) { return !p.warning; });
}

std::vector<Problem> Reading::take_problems() {
  std::stable_sort(problems_.begin(), problems_.end(), [](const Problem& a, const Problem& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  if (left_out_ > 0)
    problems_.push_back(
        {file_, 0, 0, "",
         std::to_string(left_out_) + " more problems are not shown; correct these first",
         !left_out_error_});
  return std::move(problems_);
}

std::optional<std::string> Reading::interpolated(const Node& node, const std::string& key) {
  std::vector<std::string> problems;
  std::string text = interpolate(node.text, folder_, surroundings_, problems);
  for (std::string& problem : problems) error(node.place, key, std::move(problem));
  if (!problems.empty()) return std::nullopt;
  return text;
}

std::string Reading::absolute(const std::string& path) const {
  std::filesystem::path full = (std::filesystem::path(folder_) / path).lexically_normal();
  // "./code/" and "./code" are one folder.
  if (!full.has_filename() && full.has_relative_path()) full = full.parent_path();
  return full.string();
}

std::string describe(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::sequence:
      return "a list";
    case Node::Kind::mapping:
      return "a mapping";
    case Node::Kind::scalar:
      break;
  }
  return "\"" + beginning(node.text, quoted_bytes_max) + "\"";
}

std::string any_of(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

Fields::Fields(Reading& reading, const Node& node, std::string path, Place place,
               std::vector<std::string> known)
    : reading_(reading), node_(node), path_(std::move(path)), place_(place) {
  if (node.kind == Node::Kind::null) return;
  if (node.kind != Node::Kind::mapping) {
    reading_.error(
        node.place, path_,
        "expected a mapping with keys such as " + any_of(known) + ", found " + describe(node));
    return;
  }
  for (const Node::Member* member : without_duplicates(reading, node, path_)) {
    const std::string& name = member->key.text;
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    auto meant = did_you_mean(name, known);
    reading_.error(member->key.place, key(name),
                   "unknown key; " +
                       (meant ? "did you mean '" + *meant + "'?" : "known here: " + any_of(known)));
  }
}

const Node* Fields::find(const std::string& name) const {
  for (const Node::Member& member : node_.members) {
    if (member.key.text == name && member.value.kind != Node::Kind::null) return &member.value;
  }
  return nullptr;
}

Place Fields::place_of(const std::string& name) const {
  const Node* node = find(name);
  return node ? node->place : place_;
}

void Fields::error(const std::string& name, std::string message) {
  reading_.error(place_of(name), key(name), std::move(message));
}

void Fields::require(const std::string& name) {
  // Something that is no mapping was reported as that.
  bool is_mapping = node_.kind == Node::Kind::mapping || node_.kind == Node::Kind::null;
  if (is_mapping && !has(name)) reading_.error(place_, key(name), "this key is missing");
}

std::optional<std::string> Fields::text(const std::string& name) {
  const Node* node = find(name);
  if (!node) return std::nullopt;
  if (node->kind != Node::Kind::scalar) {
    error(name, "expected text, found " + describe(*node));
    return std::nullopt;
  }
  return reading_.interpolated(*node, key(name));
}

std::optional<std::uint64_t> Fields::whole(const std::string& name, std::uint64_t min,
                                           std::uint64_t max) {
  const Node* node = find(name);
  if (!node) return std::nullopt;
  std::optional<std::uint64_t> value;
  if (node->kind == Node::Kind::scalar) {
    auto resolved = reading_.interpolated(*node, key(name));
    if (!resolved) return std::nullopt;
    value = parse_whole<std::uint64_t>(*resolved);
  }
  if (value && *value >= min && *value <= max) return value;
  error(name, "expected a whole number from " + std::to_string(min) + " to " + std::to_string(max) +
                  ", found " + describe(*node));
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> Fields::duration(const std::string& name,
                                                          const std::string& form,
                                                          std::chrono::milliseconds min,
                                                          std::chrono::milliseconds max) {
  const Node* node = find(name);
  if (!node) return std::nullopt;
  std::optional<std::chrono::milliseconds> value;
  if (node->kind == Node::Kind::scalar) {
    auto resolved = reading_.interpolated(*node, key(name));
    if (!resolved) return std::nullopt;
    value = parse_duration(*resolved);
  }
  if (value && *value >= min && *value <= max) return value;
  error(name, "expected a duration " + form + ", found " + describe(*node));
  return std::nullopt;
}

std::optional<std::uint64_t> Fields::size(const std::string& name, const std::string& form,
                                          std::uint64_t min, std::uint64_t max) {
  const Node* node = find(name);
  if (!node) return std::nullopt;
  std::optional<std::uint64_t> value;
  if (node->kind == Node::Kind::scalar) {
    auto resolved = reading_.interpolated(*node, key(name));
    if (!resolved) return std::nullopt;
    value = parse_size(*resolved);
  }
  if (value && *value >= min && *value <= max) return value;
  error(name, "expected a size " + form + ", found " + describe(*node));
  return std::nullopt;
}

std::optional<std::size_t> Fields::choice_index(const std::string& name,
                                                const std::vector<std::string>& words) {
  const Node* node = find(name);
  if (!node) return std::nullopt;
  std::optional<std::string> meant;
  if (node->kind == Node::Kind::scalar) {
    auto resolved = reading_.interpolated(*node, key(name));
    if (!resolved) return std::nullopt;
    auto known = std::find(words.begin(), words.end(), *resolved);
    if (known != words.end()) return static_cast<std::size_t>(known - words.begin());
    meant = did_you_mean(*resolved, words);
  }
  error(name, "expected " + any_of(words) + ", found " + describe(*node) +
                  (meant ? "; did you mean '" + *meant + "'?" : ""));
  return std::nullopt;
}

std::vector<const Node::Member*> named_members(Reading& reading, const Node& node,
                                               const std::string& path,
                                               const std::string& of_what) {
  if (node.kind == Node::Kind::mapping) return without_duplicates(reading, node, path);
  reading.error(node.place, path,
                "expected a mapping from the name of each " + of_what + " to its settings, found " +
                    describe(node));
  return {};
}

}  // namespace tailrace::config
