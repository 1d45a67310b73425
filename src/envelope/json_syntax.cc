#include "envelope/json_syntax.h"

#include <bitset>

namespace tailrace::envelope {
namespace {

bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

// Walks over a text. Each skip_ function says whether what it names was there.
class Walk {
 public:
  explicit Walk(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  bool at_end() const { return at_ == end_; }
  char peek() const { return at_ == end_ ? '\0' : *at_; }

  bool skip(char byte) {
    if (at_ == end_ || *at_ != byte) return false;
    ++at_;
    return true;
  }
  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
  }
  bool skip_word(std::string_view word) {
    if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(word))
      return false;
    at_ += word.size();
    return true;
  }
  bool skip_digits() {
    if (at_ == end_ || !is_digit(*at_)) return false;
    while (at_ != end_ && is_digit(*at_)) ++at_;
    return true;
  }
  bool skip_number() {
    skip('-');
    if (!skip('0') && !skip_digits()) return false;
    if (skip('.') && !skip_digits()) return false;
    if (skip('e') || skip('E')) {
      if (!skip('+')) skip('-');
      return skip_digits();
    }
    return true;
  }
  bool skip_string() {
    if (!skip('"')) return false;
    while (at_ != end_) {
      auto byte = static_cast<unsigned char>(*at_++);
      if (byte == '"') return true;
      if (byte < 0x20) return false;
      if (byte == '\\' && !skip_escape()) return false;
    }
    return false;
  }
  // A key of an object and its colon.
  bool skip_key() {
    skip_space();
    if (!skip_string()) return false;
    skip_space();
    return skip(':');
  }
  bool skip_scalar() {
    switch (peek()) {
      case '"':
        return skip_string();
      case 't':
        return skip_word("true");
      case 'f':
        return skip_word("false");
      case 'n':
        return skip_word("null");
      default:
        return skip_number();
    }
  }

 private:
  bool skip_escape() {
    if (at_ == end_) return false;
    char kind = *at_++;
    if (kind != 'u') return std::string_view("\"\\/bfnrt").find(kind) != std::string_view::npos;
    for (int i = 0; i < 4; ++i, ++at_) {
      if (at_ == end_) return false;
      char lower = static_cast<char>(*at_ | 0x20);
      if (!is_digit(*at_) && (lower < 'a' || lower > 'f')) return false;
    }
    return true;
  }

  const char* at_;
  const char* end_;
};

}  // namespace

bool is_json_number(std::string_view text) {
  Walk walk(text);
  return walk.skip_number() && walk.at_end();
}

bool is_json(std::string_view text) {
  Walk walk(text);
  std::bitset<json_depth_max> is_object;  // of the levels that are open
  std::size_t depth = 0;
  for (;;) {
    // A value begins.
    walk.skip_space();
    char first = walk.peek();
    if (first == '{' || first == '[') {
      if (depth == json_depth_max) return false;
      is_object[depth++] = first == '{';
      walk.skip(first);
      walk.skip_space();
      if (walk.peek() != (first == '{' ? '}' : ']')) {
        if (first == '{' && !walk.skip_key()) return false;
        continue;
      }
    } else if (!walk.skip_scalar()) {
      return false;
    }
    // A value, or the inside of an empty array or object, has ended.
    for (;;) {
      walk.skip_space();
      if (depth == 0) return walk.at_end();
      if (walk.skip(',')) {
        if (is_object[depth - 1] && !walk.skip_key()) return false;
        break;
      }
      if (!walk.skip(is_object[depth - 1] ? '}' : ']')) return false;
      --depth;
    }
  }
}

}  // namespace tailrace::envelope
