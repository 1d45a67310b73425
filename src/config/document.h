#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace tailrace::config {

// Where something stands in the file, from 1; columns count characters.
struct Place {
  int line = 0, column = 0;
};

// YAML text as a plain tree with places. Aliases are replaced by copies of what they stand for.
struct Node {
  enum class Kind { null, scalar, sequence, mapping };
  struct Member;

  Kind kind = Kind::null;
  Place place;
  std::string text;     // of a scalar, quotes and escapes resolved
  bool quoted = false;  // written in quotes or as a block: a string, whatever it looks like
  std::vector<Node> items;
  std::vector<Member> members;
};

struct Node::Member {
  Node key;
  Node value;
};

struct Document {
  Node root;
  // The first thing that makes the text unreadable. Then there is no root.
  std::optional<Problem> problem;
};

// Reads one YAML (or JSON) document. Any bytes are fine: text that is too large, too deep, not
// UTF-8 or that grows without bound through its aliases is refused with a problem.
Document read_document(std::string_view content, const std::string& file);

// The node as JSON text: unquoted scalars that JSON knows (numbers, true, false, null) keep their
// type, all others are strings.
std::string to_json(const Node& node);

}  // namespace tailrace::config
