#include "aws/canonical_request.h"

#include <algorithm>

#include "base/percent_encoding.h"
#include "http/server.h"

namespace tailrace::aws {
namespace {

// A target with a broken escape has been refused by `http`.
std::string decoded(std::string_view text) {
  return percent_decoded(text).value_or(std::string(text));
}

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

// Without empty, "." and ".." segments; a slash at the end stays.
std::string normal_path(std::string_view path) {
  std::vector<std::string_view> segments;
  bool ends_in_slash = path.ends_with('/');
  while (!path.empty()) {
    auto segment = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(segment.size() + 1, path.size()));
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else if (!segment.empty() && segment != ".") {
      segments.push_back(segment);
    }
  }
  std::string normal;
  for (auto segment : segments) (normal += '/') += segment;
  if (segments.empty() || ends_in_slash) normal += '/';
  return normal;
}

void append_query(std::string& out, std::string_view target, CanonicalForm form) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [key, value] : query_of(target)) {
    if (key == "X-Amz-Signature" || (form.token_left_out && key == "X-Amz-Security-Token"))
      continue;
    pairs.emplace_back(percent_encoded(key), percent_encoded(value));
  }
  // By the encoded text: that is what both sides can see.
  std::sort(pairs.begin(), pairs.end());
  bool first = true;
  for (const auto& [key, value] : pairs) {
    if (!std::exchange(first, false)) out += '&';
    ((out += key) += '=') += value;
  }
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Without space around it, runs of space inside as one.
void append_value(std::string& out, std::string_view value) {
  bool gap = false;
  bool any = false;
  for (char c : value) {
    if (is_space(c)) {
      gap = any;
      continue;
    }
    if (gap) out += ' ';
    gap = false;
    any = true;
    out += c;
  }
}

bool append_header(std::string& out, const http::Request& request, std::string_view name) {
  (out += name) += ':';
  bool found = false;
  for (const auto& [key, value] : request.headers) {
    if (key != name) continue;
    if (found) out += ',';
    append_value(out, value);
    found = true;
  }
  if (!found && (name == "host" || name == ":authority") && !request.authority.empty()) {
    append_value(out, request.authority);
    found = true;
  }
  out += '\n';
  return found;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> query_of(std::string_view target) {
  std::vector<std::pair<std::string, std::string>> pairs;
  auto mark = target.find('?');
  auto rest = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  while (!rest.empty()) {
    auto piece = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(piece.size() + 1, rest.size()));
    if (piece.empty()) continue;
    auto equals = piece.find('=');
    pairs.emplace_back(decoded(piece.substr(0, equals)), equals == std::string_view::npos
                                                             ? std::string()
                                                             : decoded(piece.substr(equals + 1)));
  }
  return pairs;
}

bool path_is_normal(std::string_view target) {
  auto path = path_of(target);
  return path == "/" || normal_path(path) == path;
}

std::optional<std::string> canonical_request(const http::Request& request,
                                             std::string_view signed_names,
                                             std::string_view body_hash, CanonicalForm form) {
  if (!request.target.starts_with('/')) return std::nullopt;
  std::string out;
  out.reserve(1024);
  (out += request.method) += '\n';
  auto path = path_of(request.target);
  // Encoded once more than the client sent it; only S3 differs in that.
  out += percent_encoded(form.path_as_sent ? std::string(path) : normal_path(path), "/");
  out += '\n';
  append_query(out, request.target, form);
  out += '\n';
  for (auto rest = signed_names; !rest.empty();) {
    auto name = rest.substr(0, rest.find(';'));
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
    if (!append_header(out, request, name)) return std::nullopt;
  }
  (out += '\n') += signed_names;
  (out += '\n') += body_hash;
  return out;
}

}  // namespace tailrace::aws
