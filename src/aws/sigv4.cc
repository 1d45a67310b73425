#include "aws/sigv4.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <optional>
#include <utility>
#include <vector>

#include "aws/canonical_request.h"
#include "base/utf8.h"
#include "base/uuid.h"
#include "base/whole_number.h"
#include "http/server.h"

namespace tailrace::aws {
namespace {

using std::chrono::seconds;
using Time = std::chrono::sys_seconds;

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view terminator = "aws4_request";
constexpr std::string_view unsigned_payload = "UNSIGNED-PAYLOAD";
constexpr seconds skew_max{300};
constexpr seconds presigned_life_max{604'800};
// JavaScript's client signs nine. It bounds the work of a request that is not known to be genuine.
constexpr auto signed_names_max = 64;
// The days that requests can name: a week back for presigned ones, and both ends of the skew.
constexpr std::size_t signing_days_max = 10;

Failure incomplete(std::string message) {
  return {"IncompleteSignatureException", std::move(message)};
}
Failure invalid(std::string message) { return {"InvalidSignatureException", std::move(message)}; }

Failure mismatch() {
  return invalid(
      "The request signature we calculated does not match the signature you provided. Check your "
      "AWS Secret Access Key and signing method. Consult the service documentation for details.");
}

// What a message may repeat of a request: it becomes text in JSON or CBOR.
std::string quoted(std::string_view text) {
  std::string shown(text.substr(0, 1024));
  if (!is_utf8(shown))
    for (char& c : shown)
      if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  return "'" + shown + "'";
}

// "20260131T100000Z"
std::string basic_format(Time time) {
  auto day = std::chrono::floor<std::chrono::days>(time);
  std::chrono::year_month_day date{day};
  std::chrono::hh_mm_ss clock{time - day};
  char text[40];
  int length = std::snprintf(
      text, sizeof text, "%04d%02u%02uT%02d%02d%02dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  return {text, static_cast<std::size_t>(length)};
}

std::optional<Time> parse_with(const std::string& text, const char* format) {
  std::tm fields{};
  const char* end = strptime(text.c_str(), format, &fields);
  if (end != text.c_str() + text.size()) return std::nullopt;
  return Time{seconds{timegm(&fields)}};
}

// X-Amz-Date's form. Writing it back settles what strptime is lenient about.
std::optional<Time> parse_basic(const std::string& text) {
  auto time = parse_with(text, "%Y%m%dT%H%M%SZ");
  if (!time || basic_format(*time) != text) return std::nullopt;
  return time;
}

// A Date header has HTTP's own form, or the basic one.
std::optional<Time> parse_date_header(const std::string& text) {
  auto time = parse_with(text, "%a, %d %b %Y %H:%M:%S GMT");
  return time ? time : parse_basic(text);
}

// The header's value; nothing when it is absent, a failure when it came twice: a verifier and a
// door that each take another of the two would be talking of different requests.
std::variant<std::optional<std::string>, Failure> only(const http::Request& request,
                                                       std::string_view name) {
  std::optional<std::string> found;
  for (const auto& [key, value] : request.headers) {
    if (key != name) continue;
    if (found) return invalid("Header " + quoted(name) + " is there more than once.");
    found = value;
  }
  return found;
}

bool lists(std::string_view names, std::string_view wanted) {
  while (!names.empty()) {
    auto name = names.substr(0, names.find(';'));
    if (name == wanted) return true;
    names.remove_prefix(std::min(name.size() + 1, names.size()));
  }
  return false;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    auto end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

// What a request says of its signature.
struct Verifier::Claim {
  std::string algorithm;
  std::string credential;
  std::string signed_names;
  std::string signature;
  std::string date_text;
  std::optional<Time> date;
  std::string_view date_header;         // which header holds the date; none in the query form
  std::optional<std::string> lifetime;  // X-Amz-Expires
  std::optional<std::string> token;
  bool presigned = false;
  // Of the credential, once it is known to have five parts.
  std::string key_id, day, region, service, end;
};

Verifier::Verifier(Options options, const Keys& keys, Clock& clock)
    : options_(std::move(options)), keys_(keys), clock_(clock), decoy_secret_(random_uuid()) {}

std::variant<const Identity*, Failure> Verifier::verify(const http::Request& request) {
  for (auto name : {"authorization", "host", "x-amz-target", "content-type", "x-amz-date", "date",
                    "x-amz-content-sha256", "x-amz-security-token"})
    if (auto found = only(request, name); std::holds_alternative<Failure>(found))
      return std::get<Failure>(std::move(found));

  auto authorization = request.header("authorization");
  bool in_query = request.query.count("X-Amz-Algorithm") > 0;
  if (!authorization.empty() && in_query)
    return invalid(
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.");
  if (!in_query && !authorization.starts_with("AWS4-"))
    return Failure{"MissingAuthenticationTokenException", "Missing Authentication Token"};

  auto claim = in_query ? claim_of_query(request) : claim_of_header(request, authorization);
  if (auto* failure = std::get_if<Failure>(&claim)) return std::move(*failure);
  return verify(request, std::get<Claim>(std::move(claim)));
}

std::variant<Verifier::Claim, Failure> Verifier::claim_of_header(
    const http::Request& request, std::string_view authorization) const {
  Claim claim;
  auto rest = authorization;
  claim.algorithm = rest.substr(0, rest.find(' '));
  rest.remove_prefix(claim.algorithm.size());

  std::map<std::string, std::string, std::less<>> parameters;
  while (!rest.empty()) {
    auto start = rest.find_first_not_of(", \t");
    if (start == std::string_view::npos) break;
    rest.remove_prefix(start);
    auto piece = rest.substr(0, rest.find_first_of(", \t"));
    rest.remove_prefix(piece.size());
    auto equals = piece.find('=');
    if (equals == std::string_view::npos)
      return incomplete("Invalid key=value pair (missing equal-sign) in Authorization header: " +
                        quoted(authorization) + ".");
    if (!parameters.emplace(piece.substr(0, equals), piece.substr(equals + 1)).second)
      return incomplete("Authorization header has " + quoted(piece.substr(0, equals)) +
                        " more than once.");
  }

  std::string missing;
  auto take = [&](const char* name, std::string& into) {
    auto found = parameters.find(name);
    if (found == parameters.end() || found->second.empty())
      missing += "Authorization header requires '" + std::string(name) + "' parameter. ";
    else
      into = found->second;
  };
  take("Credential", claim.credential);
  take("Signature", claim.signature);
  take("SignedHeaders", claim.signed_names);
  if (auto amz = request.header("x-amz-date"); !amz.empty()) {
    claim.date_header = "x-amz-date";
    claim.date_text = amz;
    claim.date = parse_basic(claim.date_text);
  } else if (auto date = request.header("date"); !date.empty()) {
    claim.date_header = "date";
    claim.date_text = date;
    claim.date = parse_date_header(claim.date_text);
  } else {
    missing +=
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
  }
  if (!missing.empty()) {
    auto shown = quoted(authorization);
    return incomplete(missing + "Authorization=" + shown.substr(1, shown.size() - 2));
  }
  if (auto token = request.header("x-amz-security-token"); !token.empty()) claim.token = token;
  return claim;
}

std::variant<Verifier::Claim, Failure> Verifier::claim_of_query(
    const http::Request& request) const {
  std::map<std::string, std::string, std::less<>> parameters;
  for (auto& [key, value] : query_of(request.target)) {
    if (!key.starts_with("X-Amz-")) continue;
    if (!parameters.emplace(key, value).second)
      return invalid("AWS query-string parameter " + quoted(key) + " is there more than once.");
  }
  Claim claim;
  claim.presigned = true;
  std::string missing;
  auto take = [&](const char* name, std::string& into) {
    auto found = parameters.find(name);
    if (found == parameters.end() || found->second.empty())
      missing += "AWS query-string parameters must include '" + std::string(name) + "'. ";
    else
      into = found->second;
  };
  take("X-Amz-Algorithm", claim.algorithm);
  take("X-Amz-Credential", claim.credential);
  take("X-Amz-Signature", claim.signature);
  take("X-Amz-SignedHeaders", claim.signed_names);
  take("X-Amz-Date", claim.date_text);
  if (!missing.empty()) return incomplete(missing + "Re-examine the query-string parameters.");
  claim.date = parse_basic(claim.date_text);
  if (auto found = parameters.find("X-Amz-Expires"); found != parameters.end())
    claim.lifetime = found->second;
  if (auto found = parameters.find("X-Amz-Security-Token"); found != parameters.end())
    claim.token = found->second;
  return claim;
}

std::variant<const Identity*, Failure> Verifier::verify(const http::Request& request, Claim claim) {
  if (claim.algorithm != algorithm)
    return incomplete("Unsupported AWS 'algorithm': " + quoted(claim.algorithm) + ".");
  auto parts = split(claim.credential, '/');
  if (parts.size() != 5)
    return incomplete(
        "Credential must have exactly 5 slash-delimited elements, e.g. "
        "keyid/date/region/service/term, got " +
        quoted(claim.credential));
  claim.key_id = parts[0];
  claim.day = parts[1];
  claim.region = parts[2];
  claim.service = parts[3];
  claim.end = parts[4];
  if (!claim.date)
    return incomplete("Date must be in ISO-8601 'basic format'. Got " + quoted(claim.date_text) +
                      ". See http://en.wikipedia.org/wiki/ISO_8601");

  const auto& names = claim.signed_names;
  if (!lists(names, "host") && !lists(names, ":authority"))
    return invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
  if (!request.header("x-amz-target").empty() && !lists(names, "x-amz-target"))
    return invalid("'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.");
  if (!claim.date_header.empty() && !lists(names, claim.date_header))
    return invalid("The date's header must be a 'SignedHeader' in the AWS Authorization.");
  // The content type need not be signed: PHP's clients leave it out, and a body is read as what it
  // was sent as or not at all, since no text of JSON is a map in CBOR or the other way round.

  if (auto refused = refuse_scope(claim)) return std::move(*refused);
  if (auto refused = refuse_time(claim)) return std::move(*refused);
  auto payload = request.header("x-amz-content-sha256");
  if (payload.starts_with("STREAMING-"))
    return invalid("X-Amz-Content-SHA256 " + quoted(payload) + " is not supported.");
  if (payload == unsigned_payload && !request.secure)
    return invalid("X-Amz-Content-SHA256 'UNSIGNED-PAYLOAD' is accepted over TLS only.");

  const Key* key = keys_.find(claim.key_id);
  if (!signature_fits(request, claim, key)) return mismatch();
  if (!equal_in_constant_time(claim.token.value_or(""), key->session_token))
    return Failure{"UnrecognizedClientException",
                   "The security token included in the request is invalid."};
  return &key->identity;
}

std::optional<Failure> Verifier::refuse_scope(const Claim& claim) const {
  std::string problems;
  auto add = [&](const std::string& problem) {
    if (!problems.empty()) problems += ' ';
    problems += problem;
  };
  if (claim.region != options_.region)
    add("Credential should be scoped to a valid region, not " + quoted(claim.region) + ".");
  if (claim.service != options_.service)
    add("Credential should be scoped to correct service: '" + options_.service + "'.");
  if (claim.end != terminator)
    add("Credential should be scoped with a valid terminator: 'aws4_request', not " +
        quoted(claim.end) + ".");
  auto date = basic_format(*claim.date);
  if (auto day = date.substr(0, 8); claim.day != day)
    add("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
        "HTTP: " +
        quoted(claim.day) + " != '" + day + "', from '" + date + "'.");
  if (problems.empty()) return std::nullopt;
  return invalid(std::move(problems));
}

std::optional<Failure> Verifier::refuse_time(const Claim& claim) const {
  auto life = skew_max;
  if (claim.lifetime) {
    auto asked = parse_whole<std::int64_t>(*claim.lifetime);
    if (!asked) return incomplete("X-Amz-Expires should be a number");
    if (*asked < 0) return incomplete("X-Amz-Expires must be non-negative");
    if (*asked > presigned_life_max.count())
      return incomplete("X-Amz-Expires must be less than a week (in seconds) that is 604800");
    life = seconds{*asked};
  }
  auto now = std::chrono::floor<seconds>(clock_.now());
  auto date = *claim.date;
  auto minutes = [](seconds length) {
    return length % seconds{60} == seconds{0} ? std::to_string(length / seconds{60}) + " min.)"
                                              : std::to_string(length.count()) + " sec.)";
  };
  if (date < now - life)
    return invalid("Signature expired: " + basic_format(date) + " is now earlier than " +
                   basic_format(now - life) + " (" + basic_format(now) + " - " + minutes(life));
  if (date > now + skew_max)
    return invalid("Signature not yet current: " + basic_format(date) + " is still later than " +
                   basic_format(now + skew_max) + " (" + basic_format(now) + " + " +
                   minutes(skew_max));
  return std::nullopt;
}

// Does the same work whether the key exists or not.
bool Verifier::signature_fits(const http::Request& request, const Claim& claim, const Key* key) {
  if (std::count(claim.signed_names.begin(), claim.signed_names.end(), ';') >= signed_names_max)
    return false;
  auto body_hash = hex(sha256(request.body));
  if (auto payload = request.header("x-amz-content-sha256"); !payload.empty()) {
    if (payload == unsigned_payload)
      body_hash = unsigned_payload;
    else if (payload != body_hash)
      return false;
  }
  auto date = basic_format(*claim.date);
  auto scope = "/" + claim.region + "/" + claim.service + "/" + claim.end;
  auto derived = signing_key(key, claim.day);

  bool fits = false;
  for (bool path_as_sent : {false, true}) {
    if (path_as_sent && path_is_normal(request.target)) continue;
    for (bool token_left_out : {false, true}) {
      if (token_left_out && !(claim.presigned && claim.token)) continue;
      auto canonical =
          canonical_request(request, claim.signed_names, body_hash, {path_as_sent, token_left_out});
      if (!canonical) return false;
      std::string to_sign(algorithm);
      ((to_sign += '\n') += date) += '\n';
      ((to_sign += claim.day) += scope) += '\n';
      to_sign += hex(sha256(*canonical));
      fits |= equal_in_constant_time(hex(hmac_sha256(bytes_of(derived), to_sign)), claim.signature);
    }
  }
  return fits && key != nullptr;
}

Sha256 Verifier::signing_key(const Key* key, const std::string& day) {
  return signing_keys_.with([&](auto& of_keys) {
    auto& of_days = of_keys[key];
    if (auto known = of_days.find(day); known != of_days.end()) return known->second;
    if (of_days.size() == signing_days_max) of_days.erase(of_days.begin());
    auto derived = hmac_sha256("AWS4" + (key ? key->secret : decoy_secret_), day);
    for (std::string_view part :
         {std::string_view(options_.region), std::string_view(options_.service), terminator})
      derived = hmac_sha256(bytes_of(derived), part);
    of_days.emplace(day, derived);
    return derived;
  });
}

}  // namespace tailrace::aws
