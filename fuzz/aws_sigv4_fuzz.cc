// Any text as a request that may be signed: nobody who lacks the secret gets in, and what is
// refused is refused with one of AWS's exceptions, in UTF-8.
//
// The text is "METHOD TARGET\nname:value\n...\n\nbody". Where it has SIGNATURE, the right signature
// is put, so that the inputs reach what lies behind the comparison.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>

#include "aws/canonical_request.h"
#include "aws/digest.h"
#include "aws/sigv4.h"
#include "base/ascii_case.h"
#include "base/check.h"
#include "base/utf8.h"
#include "http/head_rules.h"
#include "http/server.h"

namespace {

using namespace tailrace;

// 2026-01-01T00:00:00Z, the moment at which the first inputs were signed.
class FixedClock final : public Clock {
 public:
  UnixMicros now() override { return UnixMicros{std::chrono::seconds{1'767'225'600}}; }
  std::chrono::steady_clock::time_point steady() override { return {}; }
};

std::string_view take_line(std::string_view& text) {
  auto line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

std::optional<http::Request> request_of(std::string_view text) {
  http::Request request;
  auto first = take_line(text);
  request.method = first.substr(0, first.find(' '));
  first.remove_prefix(std::min(request.method.size() + 1, first.size()));
  request.target = first;
  auto target = http::parse_target(request.target);
  if (!target) return std::nullopt;
  request.path = target->path;
  request.query = target->query;
  while (!text.empty()) {
    auto line = take_line(text);
    if (line.empty()) break;
    auto colon = line.find(':', 1);
    auto name = lower_case(line.substr(0, colon));
    auto value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
    if (name == "host" || name == ":authority") request.authority = value;
    if (name == ":secure")
      request.secure = true;
    else
      request.headers.emplace_back(name, value);
  }
  request.body = text;
  return request;
}

// The signature of the key over a header-form request with the scope of the first inputs.
std::string signature_over(const http::Request& request, std::string_view signed_names) {
  auto canonical = aws::canonical_request(
      request, signed_names, aws::hex(aws::sha256(request.body)), aws::CanonicalForm{});
  if (!canonical) return "none";
  auto key = aws::hmac_sha256("AWS4secret", "20260101");
  for (std::string_view part : {"us-east-1", "kinesis", "aws4_request"})
    key = aws::hmac_sha256(aws::bytes_of(key), part);
  return aws::hex(aws::hmac_sha256(
      aws::bytes_of(key),
      "AWS4-HMAC-SHA256\n20260101T000000Z\n20260101/us-east-1/kinesis/aws4_request\n" +
          aws::hex(aws::sha256(*canonical))));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static FixedClock clock;
  static const aws::Keys keys =
      *aws::Keys::make({{.id = "AKID", .secret = "secret"}}, "000000000000");
  static aws::Verifier verifier({.region = "us-east-1"}, keys, clock);

  auto request = request_of({reinterpret_cast<const char*>(data), size});
  if (!request) return 0;

  bool completed = false;
  for (auto& [name, value] : request->headers) {
    auto place = value.find("SIGNATURE");
    auto names = value.find("SignedHeaders=");
    if (name != "authorization" || place == std::string::npos || names == std::string::npos)
      continue;
    names += std::string_view("SignedHeaders=").size();
    auto list = value.substr(names, value.find_first_of(", \t", names) - names);
    value.replace(place, std::string_view("SIGNATURE").size(), signature_over(*request, list));
    completed = true;
  }

  auto outcome = verifier.verify(*request);
  if (const auto* failure = std::get_if<aws::Failure>(&outcome)) {
    static const std::set<std::string> known = {
        "InvalidSignatureException", "IncompleteSignatureException",
        "MissingAuthenticationTokenException", "UnrecognizedClientException"};
    TAILRACE_CHECK(known.count(failure->type) == 1 && !failure->message.empty());
    TAILRACE_CHECK(is_utf8(failure->message));
    return 0;
  }
  TAILRACE_CHECK(std::get<const aws::Identity*>(outcome)->arn() ==
                 "arn:aws:iam::000000000000:user/AKID");
  if (!completed) return 0;
  // What verifies does so because of each part of it.
  request->body += 'x';
  TAILRACE_CHECK(std::holds_alternative<aws::Failure>(verifier.verify(*request)));
  request->body.pop_back();
  request->method += 'x';
  TAILRACE_CHECK(std::holds_alternative<aws::Failure>(verifier.verify(*request)));
  return 0;
}
