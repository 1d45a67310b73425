#include "aws/writer.h"

#include <fmt/format.h>

#include <array>

#include "base/base64.h"
#include "base/utf8.h"

namespace tailrace::aws {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

// Each byte that begins no well-formed character becomes U+FFFD.
std::string mended(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t length = 1;
    while (length <= 4 && length <= text.size() && !is_utf8(text.substr(0, length))) ++length;
    if (length > 4 || length > text.size()) {
      out += replacement;
      text.remove_prefix(1);
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return out;
}

class JsonWriter final : public Writer {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  void begin_map() override { open('{'); }
  void end_map() override { close('}'); }
  void begin_list() override { open('['); }
  void end_list() override { close(']'); }
  void key(std::string_view name) override {
    separate();
    quote(name);
    out_ += ':';
    separate_ = false;
  }
  void text(std::string_view text) override {
    separate();
    if (is_utf8(text))
      quote(text);
    else
      quote(mended(text));
  }
  void integer(std::int64_t number) override {
    separate();
    fmt::format_to(std::back_inserter(out_), "{}", number);
  }
  void boolean(bool flag) override {
    separate();
    out_ += flag ? "true" : "false";
  }
  void blob(std::string_view bytes) override {
    separate();
    out_ += '"';
    append_base64(out_, bytes);
    out_ += '"';
  }
  void timestamp(std::int64_t epoch_millis) override {
    separate();
    std::uint64_t size = epoch_millis < 0 ? 0 - static_cast<std::uint64_t>(epoch_millis)
                                          : static_cast<std::uint64_t>(epoch_millis);
    fmt::format_to(std::back_inserter(out_), "{}{}", epoch_millis < 0 ? "-" : "", size / 1000);
    if (size % 1000 != 0) fmt::format_to(std::back_inserter(out_), ".{:03}", size % 1000);
  }

 private:
  void open(char bracket) {
    separate();
    out_ += bracket;
    separate_ = false;
  }
  void close(char bracket) {
    out_ += bracket;
    separate_ = true;
  }
  void separate() {
    if (separate_) out_ += ',';
    separate_ = true;
  }

  static constexpr bool needs_escape(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
  }

  void quote(std::string_view text) {
    out_ += '"';
    std::size_t written = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
      char c = text[at];
      if (!needs_escape(c)) continue;
      out_ += text.substr(written, at - written);
      written = at + 1;
      switch (c) {
        case '"':
          out_ += "\\\"";
          break;
        case '\\':
          out_ += "\\\\";
          break;
        case '\n':
          out_ += "\\n";
          break;
        case '\r':
          out_ += "\\r";
          break;
        case '\t':
          out_ += "\\t";
          break;
        default:
          fmt::format_to(std::back_inserter(out_), "\\u{:04x}", static_cast<unsigned char>(c));
      }
    }
    out_ += text.substr(written);
    out_ += '"';
  }

  std::string& out_;
  bool separate_ = false;
};

// Maps and lists are of open length, since their size is known when they end. Floats are never
// written: AWS's SDKs fail on a float where they expect a time.
class CborWriter final : public Writer {
 public:
  explicit CborWriter(std::string& out) : out_(out) {}

  void begin_map() override { out_ += '\xbf'; }
  void end_map() override { out_ += '\xff'; }
  void begin_list() override { out_ += '\x9f'; }
  void end_list() override { out_ += '\xff'; }
  void key(std::string_view name) override { string(3, name); }
  void text(std::string_view text) override {
    if (is_utf8(text))
      string(3, text);
    else
      string(3, mended(text));
  }
  void integer(std::int64_t number) override {
    if (number >= 0)
      head(0, static_cast<std::uint64_t>(number));
    else
      head(1, ~static_cast<std::uint64_t>(number));
  }
  void boolean(bool flag) override { out_ += flag ? '\xf5' : '\xf4'; }
  void blob(std::string_view bytes) override { string(2, bytes); }
  void timestamp(std::int64_t epoch_millis) override {
    out_ += '\xc1';
    integer(epoch_millis);
  }

 private:
  void string(unsigned major, std::string_view text) {
    head(major, text.size());
    out_ += text;
  }
  void head(unsigned major, std::uint64_t argument) {
    unsigned bytes = argument < 24            ? 0
                     : argument <= 0xff       ? 1
                     : argument <= 0xffff     ? 2
                     : argument <= 0xffffffff ? 4
                                              : 8;
    std::array<char, 9> encoded;
    constexpr std::array<unsigned, 9> infos = {0, 24, 25, 0, 26, 0, 0, 0, 27};
    encoded[0] = static_cast<char>(major << 5 | (bytes == 0 ? argument : infos[bytes]));
    for (unsigned i = 0; i < bytes; ++i)
      encoded[i + 1] = static_cast<char>(argument >> (8 * (bytes - 1 - i)));
    out_.append(encoded.data(), bytes + 1);
  }

  std::string& out_;
};

}  // namespace

void Writer::text(std::string_view name, std::string_view value) {
  key(name);
  text(value);
}
void Writer::integer(std::string_view name, std::int64_t value) {
  key(name);
  integer(value);
}
void Writer::boolean(std::string_view name, bool value) {
  key(name);
  boolean(value);
}
void Writer::blob(std::string_view name, std::string_view value) {
  key(name);
  blob(value);
}
void Writer::timestamp(std::string_view name, std::int64_t epoch_millis) {
  key(name);
  timestamp(epoch_millis);
}
void Writer::begin_map(std::string_view name) {
  key(name);
  begin_map();
}
void Writer::begin_list(std::string_view name) {
  key(name);
  begin_list();
}

std::unique_ptr<Writer> make_writer(Codec codec, std::string& out) {
  if (codec == Codec::json) return std::make_unique<JsonWriter>(out);
  return std::make_unique<CborWriter>(out);
}

std::string_view content_type_of(Codec codec) {
  return codec == Codec::json ? "application/x-amz-json-1.1" : "application/x-amz-cbor-1.1";
}

}  // namespace tailrace::aws
