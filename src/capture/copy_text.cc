#include "capture/copy_text.h"

#include <cstring>

namespace tailrace::capture {
namespace {

char unescape(char letter) {
  switch (letter) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    default:
      return letter;
  }
}

// `room` has place for the field, since undoing escapes only shortens it.
std::string_view undo_escapes(std::string_view field, char* room) {
  char* to = room;
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 1 < field.size())
      *to++ = unescape(field[++i]);
    else
      *to++ = field[i];
  }
  return {room, static_cast<std::size_t>(to - room)};
}

}  // namespace

bool split_copy_line(std::string_view line, std::vector<Value>& values, Buffer& unescaped) {
  // Reserved once for the whole line, so that no view into it moves.
  unescaped.clear();
  bool has_escapes = std::memchr(line.data(), '\\', line.size()) != nullptr;
  if (has_escapes) unescaped.reserve(line.size());

  // A table without columns has lines of nothing.
  if (values.empty()) return line.empty();
  std::size_t column = 0;
  for (;;) {
    if (column == values.size()) return false;
    const void* tab = line.empty() ? nullptr : std::memchr(line.data(), '\t', line.size());
    std::size_t length =
        tab ? static_cast<std::size_t>(static_cast<const char*>(tab) - line.data()) : line.size();
    std::string_view field = line.substr(0, length);

    Value& value = values[column++];
    value = {Value::State::text, field};
    if (has_escapes) {
      if (field == "\\N") {
        value = {Value::State::null, {}};
      } else if (std::memchr(field.data(), '\\', field.size()) != nullptr) {
        value.bytes = undo_escapes(field, unescaped.room(field.size()));
        unescaped.wrote(value.bytes.size());
      }
    }
    if (tab == nullptr) return column == values.size();
    line.remove_prefix(length + 1);
  }
}

}  // namespace tailrace::capture
