#include "admin/router.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "admin/answer.h"
#include "base/ascii_case.h"

namespace tailrace::admin {
namespace {

std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> segments;
  while (path.starts_with('/')) {
    path.remove_prefix(1);
    std::size_t end = std::min(path.find('/'), path.size());
    segments.emplace_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

// The names in the path, or nothing when it is another path.
std::optional<std::vector<std::string>> match(const std::vector<std::string>& pattern,
                                              const std::vector<std::string>& segments) {
  if (pattern.size() != segments.size()) return std::nullopt;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == "{}" && !segments[i].empty())
      names.push_back(segments[i]);
    else if (pattern[i] != segments[i])
      return std::nullopt;
  }
  return names;
}

bool is_json(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return equal_ignoring_case(type, "application/json");
}

// Whether the page that sent the request was served from this very host and port. The HTTP server
// has held Host against the hosts that are ours.
bool same_origin(std::string_view origin, std::string_view host) {
  for (std::string_view scheme : {"http://", "https://"})
    if (origin.starts_with(scheme)) return equal_ignoring_case(origin.substr(scheme.size()), host);
  return false;
}

// A browser sends a page's request elsewhere with Origin, and never with a JSON content type
// without asking first, which nothing here allows.
std::optional<Error> forgery(const http::Request& request) {
  std::string_view origin = request.header("origin");
  if (!origin.empty() && !same_origin(origin, request.header("host")))
    return Error{Fault::denied, "requests from pages of " + std::string(origin) + " are refused"};
  if (request.method != "GET" && !is_json(request.header("content-type")))
    return Error{Fault::denied,
                 request.method + " must carry the header Content-Type: application/json"};
  return std::nullopt;
}

}  // namespace

void Router::add(std::string method, std::string_view path, Answerer answerer) {
  routes_.push_back({std::move(method), segments_of(path), std::move(answerer)});
}

void Router::route(http::Request request, std::shared_ptr<http::Responder> responder) const {
  std::vector<std::string> segments = segments_of(request.path);
  std::string allowed;
  for (const Route& route : routes_) {
    auto names = match(route.segments, segments);
    if (!names) continue;
    if (route.method != request.method) {
      allowed += (allowed.empty() ? "" : ", ") + route.method;
      continue;
    }
    if (auto error = forgery(request)) return answer(*responder, *error);
    return route.answerer({std::move(request), std::move(*names), std::move(responder)});
  }

  if (allowed.empty())
    return answer(*responder, Error{Fault::not_found, "no such path: " + request.path});
  http::Response response = response_of(
      Error{Fault::invalid, request.method + " is not for " + request.path + "; use " + allowed});
  response.status = 405;
  response.headers.emplace_back("Allow", allowed);
  responder->send(std::move(response));
}

}  // namespace tailrace::admin
