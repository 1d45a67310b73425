#include <algorithm>

#include "base/whole_number.h"
#include "config/config.h"
#include "config/quantities.h"

namespace tailrace::config {

Result<Endpoint> parse_endpoint(std::string_view text) {
  auto wrong = [&] {
    return Error{Fault::invalid, "expected HOST:PORT with a port from 1 to 65535, found \"" +
                                     std::string(text) + "\""};
  };
  std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong();
  std::string_view host = text.substr(0, colon);
  auto port = parse_whole<std::uint64_t>(text.substr(colon + 1));
  if (!port || *port == 0 || *port > 65535) return wrong();
  bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  bool known_letters = std::all_of(host.begin(), host.end(), [&](unsigned char c) {
    return std::isalnum(c) || c == '.' || c == '-' || (bracketed && (c == ':' || c == '%'));
  });
  if (host.empty() || !known_letters) return wrong();
  return Endpoint{std::string(host), static_cast<std::uint16_t>(*port)};
}

std::string to_string(const Endpoint& endpoint) {
  bool bare_v6 = endpoint.host.find(':') != std::string::npos;
  return (bare_v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" +
         std::to_string(endpoint.port);
}

bool is_loopback(const Endpoint& endpoint) {
  const std::string& host = endpoint.host;
  if (host == "localhost" || host == "::1") return true;
  // A name such as 127.evil.example is no address.
  bool is_address = std::count(host.begin(), host.end(), '.') == 3 &&
                    host.find_first_not_of("0123456789.") == std::string::npos;
  return is_address && host.starts_with("127.");
}

}  // namespace tailrace::config
