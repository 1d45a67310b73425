#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

namespace tailrace::cli {

enum class Color { automatic, always, never };

// Whether to colour one stream: --color, then NO_COLOR, CLICOLOR_FORCE, TERM=dumb, then whether a
// person looks at it.
bool wants_color(Color choice, bool is_terminal,
                 const std::function<std::optional<std::string>(const std::string&)>& variable);

enum class Style { plain, bold, dim, red, green, yellow };

// Where a command speaks: data to `out`, everything else to `err`.
class Console {
 public:
  Console(std::ostream& out, std::ostream& err) : out_(out), err_(err) {}

  void set_color(bool on_out, bool on_err) {
    color_out_ = on_out;
    color_err_ = on_err;
  }
  void set_quiet(bool quiet) { quiet_ = quiet; }

  // Data, flushed. False when nobody reads it any more (tail | head): the command then ends, and
  // that is no failure.
  bool print(std::string_view text);
  // Whether anybody still reads the data: a command that waits for the next piece asks from time to
  // time. Always, unless a check was given.
  bool has_reader() const { return !reader_check_ || reader_check_(); }
  void set_reader_check(std::function<bool()> check) { reader_check_ = std::move(check); }
  // What helps a person and is not the answer; silent with -q.
  void note(std::string_view text);
  void warn(std::string_view text);
  void fail(std::string_view text);
  // To `err` as it is.
  void show(std::string_view text);

  // Text in a style, for `out`; and for `err`.
  std::string paint(Style style, std::string_view text) const {
    return painted(color_out_, style, text);
  }
  std::string paint_error(Style style, std::string_view text) const {
    return painted(color_err_, style, text);
  }

 private:
  static std::string painted(bool color, Style style, std::string_view text);

  std::ostream& out_;
  std::ostream& err_;
  std::function<bool()> reader_check_;
  bool color_out_ = false, color_err_ = false, quiet_ = false;
};

// Text from outside, fit for a terminal: control characters (escape sequences too) become �.
std::string for_terminal(std::string_view text);
// The same for text of several lines: their ends stay.
std::string for_terminal_lines(std::string_view text);

}  // namespace tailrace::cli
