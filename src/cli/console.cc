#include "cli/console.h"

#include <ostream>

namespace tailrace::cli {

bool wants_color(Color choice, bool is_terminal,
                 const std::function<std::optional<std::string>(const std::string&)>& variable) {
  if (choice != Color::automatic) return choice == Color::always;
  if (!variable("NO_COLOR").value_or("").empty()) return false;
  std::string force = variable("CLICOLOR_FORCE").value_or("");
  if (!force.empty() && force != "0") return true;
  return is_terminal && variable("TERM").value_or("dumb") != "dumb";
}

bool Console::print(std::string_view text) {
  out_ << text;
  out_.flush();
  return out_.good();
}

void Console::note(std::string_view text) {
  if (!quiet_) err_ << text << std::endl;
}

void Console::warn(std::string_view text) {
  err_ << painted(color_err_, Style::yellow, "warning: ") << text << std::endl;
}

void Console::fail(std::string_view text) {
  err_ << painted(color_err_, Style::red, "error: ") << text << std::endl;
}

void Console::show(std::string_view text) { err_ << text << std::flush; }

std::string Console::painted(bool color, Style style, std::string_view text) {
  if (!color || style == Style::plain || text.empty()) return std::string(text);
  const char* code = "";
  switch (style) {
    case Style::plain:
      break;
    case Style::bold:
      code = "1";
      break;
    case Style::dim:
      code = "2";
      break;
    case Style::red:
      code = "31";
      break;
    case Style::green:
      code = "32";
      break;
    case Style::yellow:
      code = "33";
      break;
  }
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

std::string for_terminal(std::string_view text) {
  constexpr std::string_view replacement = "\xef\xbf\xbd";
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    if (byte == '\t') {
      out += ' ';
    } else if (byte < 0x20 || byte == 0x7f) {
      out += replacement;
    } else if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {
      // U+0080 to U+009F: control characters to some terminals.
      out += replacement;
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string for_terminal_lines(std::string_view text) {
  std::string out;
  for (;;) {
    std::size_t end = text.find('\n');
    out += for_terminal(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    out += '\n';
    text.remove_prefix(end + 1);
  }
}

}  // namespace tailrace::cli
