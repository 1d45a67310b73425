#include "http/head_rules.h"

#include <algorithm>
#include <array>

#include "base/ascii_case.h"
#include "base/percent_encoding.h"

namespace tailrace::http {

namespace {

constexpr std::array<std::string_view, 7> methods = {"GET",    "HEAD",  "POST",   "PUT",
                                                     "DELETE", "PATCH", "OPTIONS"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

constexpr std::array<bool, 256> token_chars = [] {
  std::array<bool, 256> known{};
  for (unsigned c = '0'; c <= '9'; ++c) known[c] = true;
  for (unsigned c = 'a'; c <= 'z'; ++c) known[c] = known[c - 'a' + 'A'] = true;
  for (char c : std::string_view("!#$%&'*+-.^_`|~")) known[static_cast<unsigned char>(c)] = true;
  return known;
}();

bool is_token_char(char c) { return token_chars[static_cast<unsigned char>(c)]; }

bool is_control(char c) {
  auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::variant<Head, Refusal> read_request_line(std::string_view line) {
  auto first = line.find(' ');
  auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return Refusal{400, "bad request line"};
  auto method = line.substr(0, first);
  auto target = line.substr(first + 1, last - first - 1);
  auto version = line.substr(last + 1);

  if (!method_known(method)) return Refusal{400, "unknown method"};
  if (auto refusal = refuse_target(target)) return *refusal;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return Refusal{400, "unsupported version"};
  auto parsed = parse_target(target);
  if (!parsed) return Refusal{400, "bad escape in target"};

  Head head;
  head.request.method = std::string(method);
  head.request.target = std::string(target);
  head.request.path = std::move(parsed->path);
  head.request.query = std::move(parsed->query);
  head.is_1_0 = version == "HTTP/1.0";
  return head;
}

// What the fields that decide framing and routing said so far.
struct Seen {
  int lengths = 0;
  int encodings = 0;
  int hosts = 0;
  bool close = false;
  bool keep_alive = false;
};

// The other options of a Connection field concern only proxies.
void read_connection(std::string_view value, Seen& seen) {
  while (!value.empty()) {
    auto comma = std::min(value.find(','), value.size());
    auto option = lower_case(trimmed(value.substr(0, comma)));
    value.remove_prefix(std::min(comma + 1, value.size()));
    seen.close |= option == "close";
    seen.keep_alive |= option == "keep-alive";
  }
}

std::optional<Refusal> note_field(std::string_view name, std::string_view value, Seen& seen,
                                  Head& head) {
  if (name == "content-length") {
    if (++seen.lengths > 1) return Refusal{400, "doubled content-length"};
    head.length = parse_length(value);
    if (!head.length) return Refusal{400, "bad content-length"};
  } else if (name == "transfer-encoding") {
    if (++seen.encodings > 1) return Refusal{400, "doubled transfer-encoding"};
    if (!equal_ignoring_case(value, "chunked")) return Refusal{400, "unknown transfer-encoding"};
    head.chunked = true;
  } else if (name == "host") {
    if (++seen.hosts > 1) return Refusal{400, "doubled host"};
    if (!authority_valid(value)) return Refusal{400, "bad host"};
    head.request.authority = std::string(value);
  } else if (name == "expect") {
    if (!equal_ignoring_case(value, "100-continue")) return Refusal{417, "unknown expectation"};
    head.expects_continue = !head.is_1_0;
  } else if (name == "connection") {
    read_connection(value, seen);
  }
  return std::nullopt;
}

std::optional<std::string> decoded(std::string_view text, Plus plus) {
  auto bytes = percent_decoded(text, plus);
  // A zero byte ends a name where others go on reading it.
  if (bytes && bytes->find('\0') != std::string::npos) return std::nullopt;
  return bytes;
}

}  // namespace

std::size_t head_length(std::string_view bytes, std::size_t seen) {
  for (std::size_t at = bytes.find('\n', seen); at != std::string_view::npos;
       at = bytes.find('\n', at + 1)) {
    if (at == 0 || bytes[at - 1] != '\r') return std::string_view::npos;
    if (at >= 3 && bytes[at - 2] == '\n') return at + 1;
  }
  return 0;
}

bool method_known(std::string_view method) {
  return std::find(methods.begin(), methods.end(), method) != methods.end();
}

std::optional<Refusal> refuse_target(std::string_view target) {
  // Absolute and authority form are for proxies, which this is not.
  if (target.empty() || target.front() != '/') return Refusal{400, "target must be a path"};
  for (char c : target) {
    auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == '#') return Refusal{400, "bad character in target"};
  }
  return std::nullopt;
}

bool authority_valid(std::string_view authority) {
  return std::all_of(authority.begin(), authority.end(),
                     [](char c) { return is_token_char(c) || c == ':' || c == '[' || c == ']'; });
}

std::variant<Field, Refusal> read_field(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') return Refusal{400, "folded header line"};
  auto colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos) return Refusal{400, "header without a name"};
  auto name = line.substr(0, colon);
  if (!std::all_of(name.begin(), name.end(), is_token_char))
    return Refusal{400, "bad character in a header name"};
  auto value = trimmed(line.substr(colon + 1));
  for (char c : value)
    if (is_control(c) && c != '\t') return Refusal{400, "control character in a header"};
  return Field{name, value};
}

std::optional<std::uint64_t> parse_length(std::string_view value) {
  if (value.empty() || value.size() > 18 || !std::all_of(value.begin(), value.end(), is_digit))
    return std::nullopt;
  std::uint64_t length = 0;
  for (char c : value) length = length * 10 + static_cast<unsigned>(c - '0');
  return length;
}

std::variant<Head, Refusal> read_head(std::string_view bytes) {
  // The request line, every field and the empty line, each with its CR LF.
  auto end = bytes.find("\r\n");
  if (end == std::string_view::npos) return Refusal{400, "head is cut"};
  auto started = read_request_line(bytes.substr(0, end));
  if (auto* refusal = std::get_if<Refusal>(&started)) return *refusal;
  Head& head = std::get<Head>(started);

  Seen seen;
  head.request.headers.reserve(16);
  for (;;) {
    auto at = end + 2;
    end = bytes.find("\r\n", at);
    if (end == std::string_view::npos) return Refusal{400, "head is cut"};
    auto line = bytes.substr(at, end - at);
    if (line.empty()) break;
    if (head.request.headers.size() == fields_max) return Refusal{431, "too many headers"};
    auto field = read_field(line);
    if (auto* refusal = std::get_if<Refusal>(&field)) return *refusal;
    auto [name, value] = std::get<Field>(field);
    auto& [key, text] = head.request.headers.emplace_back(lower_case(name), std::string(value));
    if (auto refusal = note_field(key, text, seen, head)) return *refusal;
  }
  if (head.chunked && head.length) return Refusal{400, "content-length beside transfer-encoding"};
  if (head.chunked && head.is_1_0) return Refusal{400, "transfer-encoding in HTTP/1.0"};
  if (!head.is_1_0 && seen.hosts == 0) return Refusal{400, "host is missing"};
  // HTTP/1.0 stays open only when asked to.
  head.keep_alive = !seen.close && (!head.is_1_0 || seen.keep_alive);
  return started;
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

bool host_allowed(std::string_view authority, const std::vector<std::string>& allowed) {
  auto host = authority;
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
    if (authority[host.size()] != ':' || port.empty() || port.size() > 5 ||
        !std::all_of(port.begin(), port.end(), is_digit))
      return false;
  }
  // "::1" in the list means the bracketed form that Host carries.
  auto bare = host;
  if (bare.starts_with('[')) bare = bare.substr(1, bare.size() - 2);
  return std::any_of(allowed.begin(), allowed.end(), [&](const std::string& name) {
    return equal_ignoring_case(host, name) || equal_ignoring_case(bare, name);
  });
}

}  // namespace tailrace::http
