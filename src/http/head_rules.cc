#include "http/head_rules.h"

#include <algorithm>
#include <array>

namespace tailrace::http {

namespace {

// More than any honest client sends; each costs an allocation.
constexpr std::size_t fields_max = 100;

constexpr std::array<std::string_view, 7> methods = {"GET",    "HEAD",  "POST",   "PUT",
                                                     "DELETE", "PATCH", "OPTIONS"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_token_char(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

bool is_control(char c) {
  auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<Refusal> refuse_request_line(std::string_view line, bool& is_1_1) {
  auto first = line.find(' ');
  auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return Refusal{400, "bad request line"};
  auto method = line.substr(0, first);
  auto target = line.substr(first + 1, last - first - 1);
  auto version = line.substr(last + 1);

  if (std::find(methods.begin(), methods.end(), method) == methods.end())
    return Refusal{400, "unknown method"};
  // Absolute and authority form are for proxies, which this is not.
  if (target.empty() || target.front() != '/') return Refusal{400, "target must be a path"};
  for (char c : target) {
    auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == '#') return Refusal{400, "bad character in target"};
  }
  is_1_1 = version == "HTTP/1.1";
  if (!is_1_1 && version != "HTTP/1.0") return Refusal{400, "unsupported version"};
  return std::nullopt;
}

// What the fields that decide framing and routing said so far.
struct Seen {
  int lengths = 0;
  int encodings = 0;
  int hosts = 0;
};

std::optional<Refusal> refuse_field(std::string_view line, Seen& seen) {
  if (line.front() == ' ' || line.front() == '\t') return Refusal{400, "folded header line"};
  auto colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos) return Refusal{400, "header without a name"};
  auto name = line.substr(0, colon);
  if (!std::all_of(name.begin(), name.end(), is_token_char))
    return Refusal{400, "bad character in a header name"};
  auto value = trimmed(line.substr(colon + 1));
  for (char c : value)
    if (is_control(c) && c != '\t') return Refusal{400, "control character in a header"};

  auto key = lower_case(name);
  if (key == "content-length") {
    if (++seen.lengths > 1) return Refusal{400, "doubled content-length"};
    // 18 digits always fit in 64 bits.
    if (value.empty() || value.size() > 18 || !std::all_of(value.begin(), value.end(), is_digit))
      return Refusal{400, "bad content-length"};
  } else if (key == "transfer-encoding") {
    if (++seen.encodings > 1) return Refusal{400, "doubled transfer-encoding"};
    if (lower_case(value) != "chunked") return Refusal{400, "unknown transfer-encoding"};
  } else if (key == "host") {
    if (++seen.hosts > 1) return Refusal{400, "doubled host"};
    for (char c : value)
      if (!is_token_char(c) && c != ':' && c != '[' && c != ']') return Refusal{400, "bad host"};
  } else if (key == "expect") {
    if (lower_case(value) != "100-continue") return Refusal{417, "unknown expectation"};
  }
  return std::nullopt;
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

enum class Plus { literal, space };

std::optional<std::string> decoded(std::string_view text, Plus plus) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == Plus::space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      int high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
      if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

std::size_t head_length(std::string_view bytes) {
  for (std::size_t at = bytes.find('\n'); at != std::string_view::npos;
       at = bytes.find('\n', at + 1)) {
    if (at == 0 || bytes[at - 1] != '\r') return std::string_view::npos;
    if (at >= 3 && bytes[at - 2] == '\n') return at + 1;
  }
  return 0;
}

std::optional<Refusal> refuse_head(std::string_view head) {
  bool is_1_1 = false;
  Seen seen;
  std::size_t lines = 0;
  for (std::size_t at = 0;;) {
    auto end = head.find("\r\n", at);
    if (end == std::string_view::npos) return Refusal{400, "head is cut"};
    auto line = head.substr(at, end - at);
    at = end + 2;
    if (line.empty() && lines > 0) break;
    if (lines > fields_max) return Refusal{431, "too many headers"};
    auto refusal = lines++ == 0 ? refuse_request_line(line, is_1_1) : refuse_field(line, seen);
    if (refusal) return refusal;
  }
  if (seen.encodings && seen.lengths)
    return Refusal{400, "content-length beside transfer-encoding"};
  if (seen.encodings && !is_1_1) return Refusal{400, "transfer-encoding in HTTP/1.0"};
  if (is_1_1 && seen.hosts == 0) return Refusal{400, "host is missing"};
  return std::nullopt;
}

std::optional<Target> parse_target(std::string_view target) {
  auto mark = target.find('?');
  auto path = decoded(target.substr(0, mark), Plus::literal);
  if (!path) return std::nullopt;
  Target parsed{std::move(*path), {}};
  if (mark == std::string_view::npos) return parsed;

  for (auto rest = target.substr(mark + 1); !rest.empty();) {
    auto end = std::min(rest.find('&'), rest.size());
    auto pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (pair.empty()) continue;
    auto equals = std::min(pair.find('='), pair.size());
    auto key = decoded(pair.substr(0, equals), Plus::space);
    auto value = decoded(pair.substr(std::min(equals + 1, pair.size())), Plus::space);
    if (!key || !value) return std::nullopt;
    parsed.query[std::move(*key)] = std::move(*value);
  }
  return parsed;
}

bool host_allowed(std::string_view host_field, const std::vector<std::string>& allowed) {
  auto host = host_field;
  std::string_view port;
  if (!host.empty() && host.front() == '[') {
    auto end = host.find(']');
    if (end == std::string_view::npos) return false;
    port = host.substr(end + 1);
    host = host.substr(0, end + 1);
  } else if (auto colon = host.find(':'); colon != std::string_view::npos) {
    port = host.substr(colon);
    host = host.substr(0, colon);
  }
  if (!port.empty()) {
    port.remove_prefix(1);
    if (host_field[host.size()] != ':' || port.empty() || port.size() > 5 ||
        !std::all_of(port.begin(), port.end(), is_digit))
      return false;
  }
  auto wanted = lower_case(host);
  return std::any_of(allowed.begin(), allowed.end(), [&](const std::string& name) {
    auto known = lower_case(name);
    // "::1" in the list means the bracketed form that Host carries.
    return wanted == known || wanted == "[" + known + "]";
  });
}

}  // namespace tailrace::http
