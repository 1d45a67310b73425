#include "config/document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include "base/json_text.h"
#include "base/utf8.h"

// yaml-cpp's events are taken instead of its node tree: the tree shares nodes between aliases, so
// that walking it may take exponential time, and loses the place of keys. Here every copy counts
// against a limit.

namespace tailrace::config {
namespace {

// A configuration is written by hand or by a template; the largest sensible ones are some 100 KiB.
constexpr std::size_t content_bytes_max = 1 << 20;
constexpr std::size_t depth_max = 64;
// Text plus what a node costs us, over the whole tree with aliases replaced.
constexpr std::size_t tree_bytes_max = 64 << 20;
constexpr std::size_t node_bytes = sizeof(Node);

struct Refused {
  YAML::Mark mark;
  std::string message;
};

std::size_t bytes_of(const Node& node) {
  std::size_t bytes = node_bytes + node.text.size();
  for (const Node& item : node.items) bytes += bytes_of(item);
  for (const Node::Member& member : node.members)
    bytes += bytes_of(member.key) + bytes_of(member.value);
  return bytes;
}

// Where the text stops being printable UTF-8, if it does.
std::optional<Place> first_bad_character(std::string_view content) {
  Place place{1, 1};
  for (std::size_t i = 0; i < content.size();) {
    std::size_t end = i + 1;
    while (end < content.size() && (static_cast<unsigned char>(content[end]) & 0xc0) == 0x80) ++end;
    char c = content[i];
    bool control = (c >= 0 && c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f;
    if (control || !is_utf8(content.substr(i, end - i))) return place;
    if (c == '\n') {
      ++place.line;
      place.column = 1;
    } else {
      ++place.column;
    }
    i = end;
  }
  return std::nullopt;
}

// Builds the tree from the parser's events.
class Builder : public YAML::EventHandler {
 public:
  explicit Builder(std::string_view content) : content_(content) {}
  Node take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(mark, node_at(mark, Node::Kind::null), anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    // The text around escapes was checked; "\\N" and "\\_" come out of the parser as no UTF-8.
    if (first_bad_character(value))
      throw Refused{
          mark,
          "an escape in this text gives a control character, or is \\N or \\_; write only "
          "what can be shown, and \\u0085 or \\u00a0 for those two"};
    // The parser gives "?" as the tag of plain scalars and "!" to quoted ones.
    Node node = node_at(mark, Node::Kind::scalar);
    node.text = value;
    node.quoted = tag != "?";
    if (!node.quoted && (value.empty() || value == "~" || value == "null")) {
      node.kind = Node::Kind::null;
      node.text.clear();
    }
    add(mark, std::move(node), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto known = anchors_.find(anchor);
    if (known == anchors_.end()) throw Refused{mark, "this alias stands inside what it refers to"};
    Node copy = known->second;
    // The first node keeps the alias's place, so that a problem points at where it is used.
    copy.place = place_of(mark);
    add(mark, std::move(copy), YAML::NullAnchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, node_at(mark, Node::Kind::sequence), anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, node_at(mark, Node::Kind::mapping), anchor);
  }
  void OnMapEnd() override { close(); }

  Place place_of(const YAML::Mark& mark) {
    if (mark.is_null()) return {};
    std::size_t at = std::min(content_.size(), static_cast<std::size_t>(std::max(mark.pos, 0)));
    std::size_t start = at - std::min(at, static_cast<std::size_t>(std::max(mark.column, 0)));
    return {mark.line + 1, column_of(start, at)};
  }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor;
    YAML::Mark mark;
    std::optional<Node> key;
  };

  // The parser counts bytes; people count characters. Counting goes on from the last place, since a
  // file may be one long line of very many nodes.
  int column_of(std::size_t line_start, std::size_t at) {
    auto begins_character = [&](std::size_t i) {
      return (static_cast<unsigned char>(content_[i]) & 0xc0) != 0x80 ? 1 : 0;
    };
    if (line_start != counted_.line_start) counted_ = {line_start, line_start, 0};
    while (counted_.end < at) counted_.characters += begins_character(counted_.end++);
    while (counted_.end > at) counted_.characters -= begins_character(--counted_.end);
    return counted_.characters + 1;
  }
  Node node_at(const YAML::Mark& mark, Node::Kind kind) {
    Node node;
    node.kind = kind;
    node.place = place_of(mark);
    return node;
  }
  void open(const YAML::Mark& mark, Node node, YAML::anchor_t anchor) {
    if (stack_.size() == depth_max)
      throw Refused{mark, "nested deeper than " + std::to_string(depth_max) + " levels"};
    stack_.push_back({std::move(node), anchor, mark, std::nullopt});
  }
  void close() {
    Open closed = std::move(stack_.back());
    stack_.pop_back();
    add(closed.mark, std::move(closed.node), closed.anchor);
  }
  void add(const YAML::Mark& mark, Node node, YAML::anchor_t anchor) {
    spend(mark, node);
    if (anchor != YAML::NullAnchor) {
      spend(mark, node);
      anchors_[anchor] = node;
    }
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& top = stack_.back();
    if (top.node.kind == Node::Kind::sequence) {
      top.node.items.push_back(std::move(node));
    } else if (!top.key) {
      top.key = std::move(node);
    } else {
      top.node.members.push_back({std::move(*top.key), std::move(node)});
      top.key.reset();
    }
  }
  void spend(const YAML::Mark& mark, const Node& node) {
    // A closed collection is counted again with all it holds: no more than depth_max times.
    bytes_ += bytes_of(node);
    if (bytes_ > tree_bytes_max) throw Refused{mark, "grows too large through its aliases"};
  }

  struct Counted {
    std::size_t line_start = 0, end = 0;
    int characters = 0;
  };

  std::string_view content_;
  Counted counted_;
  Node root_;
  std::vector<Open> stack_;
  std::map<YAML::anchor_t, Node> anchors_;
  std::size_t bytes_ = 0;
};

// What the parser says, in the words of a person who looks at the file.
std::string explain(const std::string& message) {
  if (message == "illegal map value")
    return "not valid YAML: a key is not expected here (check the indentation; tabs do not indent)";
  if (message == "end of map flow not found")
    return "not valid YAML: a { that stands here or further on is never closed";
  if (message == "end of sequence flow not found")
    return "not valid YAML: a [ that stands here or further on is never closed";
  if (message.starts_with("the referenced anchor is not defined"))
    return "not valid YAML: no anchor of this name stands before it";
  // The parser adds one byte of what it found, which may be half a character.
  if (message.starts_with("unknown escape character"))
    return "not valid YAML: no escape begins so; write \\\\ for a backslash in double quotes";
  return "not valid YAML: " + message;
}

bool is_json_number(std::string_view text) {
  std::size_t i = 0;
  auto digits = [&] {
    std::size_t start = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return i - start;
  };
  if (i < text.size() && text[i] == '-') ++i;
  bool zero = i < text.size() && text[i] == '0';
  std::size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (digits() == 0) return false;
  }
  return i == text.size();
}

void append_json(std::string& out, const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      out += "null";
      return;
    case Node::Kind::scalar:
      if (!node.quoted &&
          (node.text == "true" || node.text == "false" || is_json_number(node.text)))
        out += node.text;
      else
        out += json_string(node.text);
      return;
    case Node::Kind::sequence: {
      out += '[';
      const char* separator = "";
      for (const Node& item : node.items) {
        out += std::exchange(separator, ",");
        append_json(out, item);
      }
      out += ']';
      return;
    }
    case Node::Kind::mapping: {
      out += '{';
      const char* separator = "";
      for (const Node::Member& member : node.members) {
        out += std::exchange(separator, ",");
        out += json_string(member.key.text);
        out += ':';
        append_json(out, member.value);
      }
      out += '}';
      return;
    }
  }
}

}  // namespace

Document read_document(std::string_view content, const std::string& file) {
  Document document;
  auto refuse = [&](Place place, std::string message) {
    document.root = {};
    document.problem = Problem{file, place.line, place.column, "", std::move(message)};
  };
  if (content.size() > content_bytes_max) {
    refuse({}, "the file has " + std::to_string(content.size()) + " bytes; at most 1 MiB is read");
    return document;
  }
  if (content.starts_with("\xef\xbb\xbf")) content.remove_prefix(3);
  if (auto bad = first_bad_character(content)) {
    refuse(*bad, "not UTF-8 text; save the file as UTF-8 without control characters");
    return document;
  }

  Builder builder(content);
  try {
    std::istringstream stream{std::string(content)};
    YAML::Parser parser(stream);
    if (parser.HandleNextDocument(builder)) {
      document.root = builder.take_root();
      Builder rest(content);
      if (parser.HandleNextDocument(rest)) {
        Place place = rest.take_root().place;
        refuse(place, "a second YAML document begins here; a configuration is one document");
      }
    }
  } catch (const Refused& refused) {
    refuse(builder.place_of(refused.mark), refused.message);
  } catch (const YAML::Exception& exception) {
    refuse(builder.place_of(exception.mark), explain(exception.msg));
  } catch (const std::exception& exception) {
    refuse({}, std::string("not valid YAML: ") + exception.what());
  }
  return document;
}

std::string to_json(const Node& node) {
  std::string out;
  append_json(out, node);
  return out;
}

}  // namespace tailrace::config
