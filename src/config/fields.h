#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"

namespace tailrace::config {

// One reading of a file: what is wrong so far, and how values reach outside the text.
class Reading {
 public:
  Reading(std::string file, const Surroundings& surroundings);

  void error(Place place, const std::string& key, std::string message) {
    add(place, key, std::move(message), false);
  }
  void warning(Place place, const std::string& key, std::string message) {
    add(place, key, std::move(message), true);
  }
  bool has_errors() const;
  std::size_t problem_count() const { return problems_.size() + left_out_; }
  std::vector<Problem> take_problems();  // in file order, the note on those left out last

  // The scalar's text with its variables replaced. Nothing (and a problem) when that fails.
  std::optional<std::string> interpolated(const Node& node, const std::string& key);
  // A path of the file as an absolute one.
  std::string absolute(const std::string& path) const;
  const std::string& folder() const { return folder_; }
  const Surroundings& surroundings() const { return surroundings_; }

 private:
  void add(Place place, const std::string& key, std::string message, bool warning);

  std::string file_, folder_;
  const Surroundings& surroundings_;
  std::vector<Problem> problems_;
  std::size_t left_out_ = 0;
  bool left_out_error_ = false;
};

// What was found, for messages: `"three"`, "a list", "a mapping", "nothing".
std::string describe(const Node& node);
// "a, b or c"
std::string any_of(const std::vector<std::string>& words);

// The keys of one mapping. Reports on construction what is not a mapping, keys that stand there
// twice and keys that nobody knows; each getter reports a value of the wrong form and then returns
// nothing, so that reading goes on and finds the next problem.
class Fields {
 public:
  // `place`: where the mapping is named, for keys that are missing.
  Fields(Reading& reading, const Node& node, std::string path, Place place,
         std::vector<std::string> known);

  bool has(const std::string& name) const { return find(name) != nullptr; }
  const Node* find(const std::string& name) const;  // null also for a value that is empty
  std::string key(const std::string& name) const {
    return path_.empty() ? name : path_ + "." + name;
  }
  Place place() const { return place_; }
  // Where the key's value stands, else the mapping itself.
  Place place_of(const std::string& name) const;
  void error(const std::string& name, std::string message);
  void require(const std::string& name);

  std::optional<std::string> text(const std::string& name);
  std::optional<std::uint64_t> whole(const std::string& name, std::uint64_t min, std::uint64_t max);
  // `form`: what is expected, with an example and the limits.
  std::optional<std::chrono::milliseconds> duration(const std::string& name,
                                                    const std::string& form,
                                                    std::chrono::milliseconds min,
                                                    std::chrono::milliseconds max);
  std::optional<std::uint64_t> size(const std::string& name, const std::string& form,
                                    std::uint64_t min, std::uint64_t max);
  template <typename Choice>
  std::optional<Choice> choice(const std::string& name,
                               const std::vector<std::pair<std::string_view, Choice>>& choices) {
    std::vector<std::string> words;
    for (const auto& known : choices) words.emplace_back(known.first);
    auto index = choice_index(name, words);
    if (!index) return std::nullopt;
    return choices[*index].second;
  }

 private:
  std::optional<std::size_t> choice_index(const std::string& name,
                                          const std::vector<std::string>& words);

  Reading& reading_;
  const Node& node_;
  std::string path_;
  Place place_;
};

// The members of a mapping of names ("streams", "tasks"), each name once. Reports what is no
// mapping, names that are not text and names that stand there twice (these are left out).
std::vector<const Node::Member*> named_members(Reading& reading, const Node& node,
                                               const std::string& path, const std::string& of_what);

}  // namespace tailrace::config
