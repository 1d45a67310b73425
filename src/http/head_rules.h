#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tailrace::http {

// Why a request is not served. The connection closes after it: what follows on it cannot be told
// apart from the rest of a body.
struct Refusal {
  int status = 400;
  std::string_view why;
};

// The strict rules that keep two parsers from reading one request differently (request smuggling).
// They run on the raw bytes of the head, from the request line to the empty line, before the
// general parser sees them. Nothing is mended: a head that needs mending is refused.
std::optional<Refusal> refuse_head(std::string_view head);

// The head's length with its empty line; 0 while it is incomplete. npos when it never can be one,
// because a line ends without CR LF.
std::size_t head_length(std::string_view bytes);

struct Target {
  std::string path;
  std::map<std::string, std::string> query;
};
// Decodes an origin-form target. Nothing when an escape is malformed or hides a NUL.
std::optional<Target> parse_target(std::string_view target);

// Whether a Host field ("localhost:80", "[::1]:80") names one of the hosts, whatever its port.
bool host_allowed(std::string_view host_field, const std::vector<std::string>& allowed);

std::string lower_case(std::string_view text);

}  // namespace tailrace::http
