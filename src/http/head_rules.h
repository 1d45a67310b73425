#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "http/server.h"

namespace tailrace::http {

// Why a request is not served. An HTTP/1.1 connection closes after it: what follows on it cannot be
// told apart from the rest of a body.
struct Refusal {
  int status = 400;
  std::string_view why;
};

// More fields than any honest client sends; each costs an allocation.
constexpr std::size_t fields_max = 100;

// What the head of an HTTP/1 request says.
struct Head {
  Request request;  // all but body, peer and secure
  std::optional<std::uint64_t> length;
  bool chunked = false;
  bool is_1_0 = false;
  bool keep_alive = true;
  bool expects_continue = false;
};

// Reads a head from its request line to its empty line, by strict rules that keep two parsers from
// reading one request differently (request smuggling; RFC 9112). Nothing is mended: a head that
// needs mending is refused.
std::variant<Head, Refusal> read_head(std::string_view head);

// The head's length with its empty line; 0 while it is incomplete. npos when it never can be one,
// because a line ends without CR LF. `seen` bytes of it were looked at before.
std::size_t head_length(std::string_view bytes, std::size_t seen = 0);

// The rules that HTTP/2's pseudo-headers share.
bool method_known(std::string_view method);
std::optional<Refusal> refuse_target(std::string_view target);
bool authority_valid(std::string_view authority);

// "Name: value" as a header or trailer line carries it, without its line end.
struct Field {
  std::string_view name;
  std::string_view value;
};
std::variant<Field, Refusal> read_field(std::string_view line);

// 18 digits at most, which always fit in 64 bits.
std::optional<std::uint64_t> parse_length(std::string_view value);

struct Target {
  std::string path;
  std::map<std::string, std::string> query;
};
// Decodes an origin-form target. Nothing when an escape is malformed or hides a NUL.
std::optional<Target> parse_target(std::string_view target);

// Whether an authority ("localhost:80", "[::1]:80") names one of the hosts, whatever its port.
bool host_allowed(std::string_view authority, const std::vector<std::string>& allowed);

}  // namespace tailrace::http
