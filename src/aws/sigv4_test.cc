#include "aws/sigv4.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "aws/canonical_request.h"
#include "base/ascii_case.h"
#include "base/rfc3339.h"
#include "http/head_rules.h"
#include "http/server.h"

namespace tailrace::aws {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class SetClock final : public Clock {
 public:
  UnixMicros now() override { return now_; }
  std::chrono::steady_clock::time_point steady() override { return {}; }
  void set(UnixMicros now) { now_ = now; }

 private:
  UnixMicros now_;
};

// A request as its text: "POST / HTTP/1.1\nName:value\n\nbody". A line that starts with space goes
// on with the one before it.
http::Request request_of(const std::string& text) {
  http::Request request;
  auto head_end = text.find("\n\n");
  request.body = text.substr(head_end + 2);
  std::istringstream head(text.substr(0, head_end));
  std::string line;
  std::getline(head, line);
  request.method = line.substr(0, line.find(' '));
  request.target = line.substr(line.find(' ') + 1, line.rfind(' ') - line.find(' ') - 1);
  if (auto target = http::parse_target(request.target)) request.query = target->query;
  while (std::getline(head, line)) {
    if (line.starts_with(' ')) {
      request.headers.back().second += "\n" + line;
      continue;
    }
    auto colon = line.find(':', 1);
    auto name = lower_case(line.substr(0, colon));
    if (name == "host" || name == ":authority") request.authority = line.substr(colon + 1);
    if (name == ":authority")
      request.version = 20;
    else
      request.headers.emplace_back(name, line.substr(colon + 1));
  }
  return request;
}

struct Vector {
  std::string name;
  std::string text;
  std::string token;
};

// A file of requests that others signed with one key at one moment.
struct Vectors {
  explicit Vectors(const std::string& file) {
    std::ifstream in(std::string(TAILRACE_AWS_TESTDATA) + "/" + file);
    auto json = nlohmann::json::parse(in);
    secret = json["secret_access_key"];
    key_id = json["access_key_id"];
    scope = {.region = json["region"], .service = json["service"]};
    time = *parse_rfc3339(json["timestamp"].get<std::string>());
    for (const auto& one : json["vectors"])
      for (const char* form : {"header", "query", "request"})
        if (one.contains(form))
          all.push_back({one["name"].get<std::string>() + "/" + form, one[form],
                         one.value("token", std::string())});
  }
  const Vector& named(const std::string& name) const {
    for (const auto& one : all)
      if (one.name == name) return one;
    throw std::out_of_range(name);
  }
  std::string key_id, secret;
  Verifier::Options scope;
  UnixMicros time;
  std::vector<Vector> all;
};

struct Subject {
  explicit Subject(const Vectors& vectors, const std::string& token = "",
                   const std::string& secret = "")
      : keys(*Keys::make({{.id = vectors.key_id,
                           .secret = secret.empty() ? vectors.secret : secret,
                           .session_token = token}},
                         "000000000000")),
        verifier(vectors.scope, keys, clock) {
    clock.set(vectors.time);
  }
  // Empty when it verifies, else "Type: message".
  std::string refusal(const http::Request& request) {
    auto outcome = verifier.verify(request);
    if (std::holds_alternative<const Identity*>(outcome)) return "";
    const auto& failure = std::get<Failure>(outcome);
    return failure.type + ": " + failure.message;
  }
  std::string refusal(const std::string& text) { return refusal(request_of(text)); }

  Keys keys;
  SetClock clock;
  Verifier verifier;
};

const std::string no_match =
    "InvalidSignatureException: The request signature we calculated does not match the signature "
    "you provided. Check your AWS Secret Access Key and signing method. Consult the service "
    "documentation for details.";

class PublishedVectors : public ::testing::Test {
 protected:
  const Vectors published{"sigv4_vectors.json"};
  const Vectors signed_by_clients{"sigv4_requests.json"};
};

TEST_F(PublishedVectors, AllVerifyInBothForms) {
  ASSERT_EQ(published.all.size(), 76u);
  for (const auto& vector : published.all)
    EXPECT_EQ(Subject(published, vector.token).refusal(vector.text), "") << vector.name;
}

TEST_F(PublishedVectors, NoneVerifiesWithAnotherSecret) {
  for (const auto& vector : published.all)
    EXPECT_EQ(Subject(published, vector.token, "another").refusal(vector.text), no_match)
        << vector.name;
}

TEST_F(PublishedVectors, RequestsOfRealClientsVerify) {
  ASSERT_EQ(signed_by_clients.all.size(), 7u);
  for (const auto& vector : signed_by_clients.all)
    EXPECT_EQ(Subject(signed_by_clients, vector.token).refusal(vector.text), "") << vector.name;
}

// Calls `check` with each copy of the request in which one byte of what is signed has changed.
void each_mutation(const http::Request& request, const std::string& signed_names,
                   const std::function<void(const http::Request&, const std::string&)>& check) {
  auto each_byte = [&](const std::string& what,
                       const std::function<std::string&(http::Request&)>& part) {
    auto length = part(const_cast<http::Request&>(request)).size();
    for (std::size_t i = 0; i < length; ++i) {
      auto changed = request;
      part(changed)[i] = static_cast<char>(part(changed)[i] ^ 1);
      changed.query.clear();
      if (auto target = http::parse_target(changed.target)) changed.query = target->query;
      if (changed.version == 11) changed.authority = changed.header("host");
      check(changed, what + " byte " + std::to_string(i));
    }
  };
  each_byte("method", [](auto& r) -> std::string& { return r.method; });
  // Of a path that is not normal, what a ".." takes back is signed by no one.
  if (path_is_normal(request.target))
    each_byte("target", [](auto& r) -> std::string& { return r.target; });
  each_byte("body", [](auto& r) -> std::string& { return r.body; });
  auto padded = ";" + signed_names + ";authorization;x-amz-content-sha256;x-amz-security-token;";
  if (padded.find(";:authority;") != std::string::npos)
    each_byte("authority", [](auto& r) -> std::string& { return r.authority; });
  for (std::size_t h = 0; h < request.headers.size(); ++h) {
    const auto& name = request.headers[h].first;
    if (padded.find(";" + name + ";") == std::string::npos) continue;
    each_byte(name, [h](auto& r) -> std::string& { return r.headers[h].second; });
    each_byte(name + "'s name", [h](auto& r) -> std::string& { return r.headers[h].first; });
  }
}

std::string signed_names_of(const http::Request& request) {
  if (auto found = request.query.find("X-Amz-SignedHeaders"); found != request.query.end())
    return found->second;
  auto value = std::string(request.header("authorization"));
  auto start = value.find("SignedHeaders=") + 14;
  return value.substr(start, value.find(',', start) - start);
}

TEST_F(PublishedVectors, EveryChangeOfOneByteIsRefused) {
  std::size_t tried = 0;
  for (const auto* vectors : {&published, &signed_by_clients}) {
    for (const auto& vector : vectors->all) {
      Subject subject(*vectors, vector.token);
      auto request = request_of(vector.text);
      each_mutation(request, signed_names_of(request), [&](const auto& changed, const auto& what) {
        ++tried;
        EXPECT_NE(subject.refusal(changed), "") << vector.name << ": " << what;
      });
    }
  }
  EXPECT_GT(tried, 20'000u);
}

TEST_F(PublishedVectors, ASignedHeaderThatIsMissingOrThereTwiceIsRefused) {
  for (const auto& vector : signed_by_clients.all) {
    Subject subject(signed_by_clients, vector.token);
    auto request = request_of(vector.text);
    auto names = ";" + signed_names_of(request) + ";";
    for (std::size_t h = 0; h < request.headers.size(); ++h) {
      auto header = request.headers[h];
      if (names.find(";" + header.first + ";") == std::string::npos) continue;
      auto twice = request;
      twice.headers.push_back(header);
      EXPECT_NE(subject.refusal(twice), "") << vector.name << ": two of " << header.first;
      if (header.first == "host") continue;  // the authority stands for it
      auto without = request;
      without.headers.erase(without.headers.begin() + static_cast<std::ptrdiff_t>(h));
      EXPECT_NE(subject.refusal(without), "") << vector.name << ": no " << header.first;
    }
    auto longer = request;
    longer.body += ' ';
    EXPECT_NE(subject.refusal(longer), "");
  }
}

class VerifierTest : public PublishedVectors {
 protected:
  std::string text(const std::string& name = "header") const {
    return signed_by_clients.named(name + "/request").text;
  }
  std::string replaced(const std::string& from, const std::string& to,
                       const std::string& name = "header") const {
    auto changed = text(name);
    auto at = changed.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return changed.replace(at, from.size(), to);
  }
  Subject subject{signed_by_clients};
};

TEST_F(VerifierTest, AnUnknownKeyIsAnsweredAsAWrongSignatureIs) {
  EXPECT_EQ(subject.refusal(replaced("Credential=AKID", "Credential=NOBODY")), no_match);
  EXPECT_EQ(subject.refusal(replaced("Signature=c76c", "Signature=c76d")), no_match);
  EXPECT_EQ(subject.refusal(replaced("Signature=c76c", "Signature=C76C")), no_match);
}

TEST_F(VerifierTest, HostMayComeAsAuthorityOnly) {
  auto request = request_of(text());
  std::erase_if(request.headers, [](const auto& header) { return header.first == "host"; });
  EXPECT_EQ(subject.refusal(request), "");
  request.authority = "localhost:4568";
  EXPECT_EQ(subject.refusal(request), no_match);
}

TEST_F(VerifierTest, WhatIsMissingIsListed) {
  EXPECT_EQ(subject.refusal("POST / HTTP/1.1\nHost:a\n\n{}"),
            "MissingAuthenticationTokenException: Missing Authentication Token");
  EXPECT_EQ(subject.refusal("POST / HTTP/1.1\nAuthorization:Basic YTpi\n\n{}"),
            "MissingAuthenticationTokenException: Missing Authentication Token");
  EXPECT_EQ(
      subject.refusal("POST / HTTP/1.1\nAuthorization:AWS4-HMAC-SHA256 Signature=ab\n\n{}"),
      "IncompleteSignatureException: Authorization header requires 'Credential' parameter. "
      "Authorization header requires 'SignedHeaders' parameter. Authorization header requires "
      "existence of either a 'X-Amz-Date' or a 'Date' header. "
      "Authorization=AWS4-HMAC-SHA256 Signature=ab");
  EXPECT_EQ(subject.refusal("POST /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=a HTTP/1.1\n\n"),
            "IncompleteSignatureException: AWS query-string parameters must include "
            "'X-Amz-Credential'. AWS query-string parameters must include 'X-Amz-Signature'. AWS "
            "query-string parameters must include 'X-Amz-SignedHeaders'. Re-examine the "
            "query-string parameters.");
  EXPECT_THAT(subject.refusal(replaced("POST / ", "POST /?X-Amz-Algorithm=AWS4-HMAC-SHA256 ")),
              StartsWith("InvalidSignatureException: Found both 'X-Amz-Algorithm'"));
}

TEST_F(VerifierTest, MalformedPartsAreNamed) {
  EXPECT_THAT(subject.refusal(replaced("AKID/2026", "AKID/x/2026")),
              StartsWith("IncompleteSignatureException: Credential must have exactly 5 "
                         "slash-delimited elements, e.g. keyid/date/region/service/term, got "
                         "'AKID/x/20260101/us-east-1/kinesis/aws4_request'"));
  EXPECT_EQ(subject.refusal(replaced("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA1 ")),
            "IncompleteSignatureException: Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1'.");
  EXPECT_THAT(subject.refusal(replaced("Signature=", "Signature")),
              HasSubstr("missing equal-sign"));
  EXPECT_THAT(subject.refusal(replaced("Signature=", "Signature=00, Signature=")),
              HasSubstr("'Signature' more than once"));
  EXPECT_THAT(subject.refusal(replaced("X-Amz-Date:20260101T000000Z", "X-Amz-Date:2026-01-01")),
              StartsWith("IncompleteSignatureException: Date must be in ISO-8601 'basic format'. "
                         "Got '2026-01-01'."));
  EXPECT_THAT(subject.refusal(replaced("X-Amz-Date:20260101T", "X-Amz-Date:20260231T")),
              HasSubstr("basic format"));
}

TEST_F(VerifierTest, AnotherScopeIsRefusedInAwsWords) {
  EXPECT_EQ(subject.refusal(replaced("us-east-1", "eu-west-1")),
            "InvalidSignatureException: Credential should be scoped to a valid region, not "
            "'eu-west-1'.");
  EXPECT_EQ(subject.refusal(replaced("/kinesis/aws4_request", "/s3/aws5")),
            "InvalidSignatureException: Credential should be scoped to correct service: "
            "'kinesis'. Credential should be scoped with a valid terminator: 'aws4_request', not "
            "'aws5'.");
  EXPECT_EQ(subject.refusal(replaced("AKID/20260101", "AKID/20260102")),
            "InvalidSignatureException: Date in Credential scope does not match YYYYMMDD from "
            "ISO-8601 version of date from HTTP: '20260102' != '20260101', from "
            "'20260101T000000Z'.");
}

TEST_F(VerifierTest, HostTargetAndDateMustBeSigned) {
  EXPECT_THAT(subject.refusal(replaced("content-type;host;", "content-type;")),
              HasSubstr("'Host' or ':authority' must be a 'SignedHeader'"));
  EXPECT_THAT(subject.refusal(replaced(";x-amz-target", "")),
              HasSubstr("'X-Amz-Target' must be a 'SignedHeader'"));
  EXPECT_THAT(subject.refusal(replaced(";x-amz-date", "")), HasSubstr("must be a 'SignedHeader'"));
  EXPECT_EQ(subject.refusal(replaced("content-type;host", "host")), no_match);
}

TEST_F(VerifierTest, FiveMinutesOfSkewEachWayAndNoMore) {
  auto signed_at = signed_by_clients.time;
  for (auto off : {minutes{-5}, minutes{5}}) {
    subject.clock.set(signed_at + off);
    EXPECT_EQ(subject.refusal(text()), "");
  }
  subject.clock.set(signed_at + minutes{5} + seconds{1});
  EXPECT_EQ(subject.refusal(text()),
            "InvalidSignatureException: Signature expired: 20260101T000000Z is now earlier than "
            "20260101T000001Z (20260101T000501Z - 5 min.)");
  subject.clock.set(signed_at - minutes{5} - seconds{1});
  EXPECT_EQ(subject.refusal(text()),
            "InvalidSignatureException: Signature not yet current: 20260101T000000Z is still "
            "later than 20251231T235959Z (20251231T235459Z + 5 min.)");
}

TEST_F(VerifierTest, APresignedRequestLivesAsLongAsItSays) {
  auto signed_at = signed_by_clients.time;
  subject.clock.set(signed_at + minutes{10});
  EXPECT_EQ(subject.refusal(text("presigned")), "");
  subject.clock.set(signed_at + minutes{10} + seconds{1});
  EXPECT_THAT(subject.refusal(text("presigned")), HasSubstr("(20260101T001001Z - 10 min.)"));
  subject.clock.set(signed_at);
  EXPECT_THAT(subject.refusal(replaced("Expires=600", "Expires=604801", "presigned")),
              HasSubstr("604800"));
  EXPECT_THAT(subject.refusal(replaced("Expires=600", "Expires=-1", "presigned")),
              HasSubstr("non-negative"));
  EXPECT_THAT(subject.refusal(replaced("Expires=600", "Expires=6x", "presigned")),
              HasSubstr("should be a number"));
  EXPECT_THAT(subject.refusal(replaced("&X-Amz-Date=", "&X-Amz-Date=1&X-Amz-Date=", "presigned")),
              HasSubstr("'X-Amz-Date' is there more than once"));

  const auto& week = signed_by_clients.named("presigned-token/request");
  Subject with_token(signed_by_clients, week.token);
  with_token.clock.set(signed_at + hours{24 * 7});
  EXPECT_EQ(with_token.refusal(week.text), "");
}

TEST_F(VerifierTest, TheSessionTokenHasToBeTheOneOfTheKey) {
  const auto& vector = signed_by_clients.named("token/request");
  const std::string refused =
      "UnrecognizedClientException: The security token included in the request is invalid.";
  EXPECT_EQ(Subject(signed_by_clients, "another").refusal(vector.text), refused);
  EXPECT_EQ(subject.refusal(vector.text), refused);
  EXPECT_EQ(Subject(signed_by_clients, "needed").refusal(text()), refused);
}

TEST_F(VerifierTest, AnUnsignedBodyIsAcceptedOverTlsOnlyAndAStreamedOneNever) {
  auto request = request_of(text("content-sha256"));
  auto& hash = *std::find_if(request.headers.begin(), request.headers.end(),
                             [](const auto& h) { return h.first == "x-amz-content-sha256"; });
  hash.second = "UNSIGNED-PAYLOAD";
  EXPECT_THAT(subject.refusal(request), HasSubstr("over TLS only"));
  request.secure = true;
  EXPECT_EQ(subject.refusal(request), no_match);  // signed with the hash
  hash.second = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
  EXPECT_THAT(subject.refusal(request), HasSubstr("is not supported"));
}

TEST_F(VerifierTest, WhatAMessageRepeatsIsUtf8) {
  EXPECT_THAT(subject.refusal(replaced("us-east-1", "\xff\xc3")), HasSubstr("not '?\?'"));
}

TEST_F(VerifierTest, ThousandsOfSignedNamesAreNotWorkedThrough) {
  std::string names = "host;x-amz-date;x-amz-target";
  for (int i = 0; i < 2000; ++i) names += ";a" + std::to_string(i);
  EXPECT_EQ(subject.refusal(replaced("content-type;host;x-amz-date;x-amz-target", names)),
            no_match);
}

}  // namespace
}  // namespace tailrace::aws
