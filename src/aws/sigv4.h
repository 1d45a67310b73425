#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "aws/digest.h"
#include "aws/error.h"
#include "aws/identity.h"
#include "base/clock.h"
#include "base/guarded.h"

namespace tailrace::http {
struct Request;
}

namespace tailrace::aws {

// Verifies requests signed with AWS Signature Version 4, in their Authorization header or in their
// query (presigned). Checked are the signature over method, path, query, signed headers and body,
// the scope, the time (5 minutes of skew; a presigned request's own life, a week at most), and the
// session token. The host and x-amz-target must be signed.
//
// An unknown key and a wrong signature get one answer after the same work, so that nobody finds out
// which keys exist.
class Verifier {
 public:
  struct Options {
    std::string region;  // the only one that requests may be signed for
    std::string service = "kinesis";
  };
  // Keys and clock outlive the verifier.
  Verifier(Options options, const Keys& keys, Clock& clock);

  // Who signed it, or why it is refused, in AWS's words. Any thread; hashes the whole body.
  std::variant<const Identity*, Failure> verify(const http::Request& request);

 private:
  struct Claim;
  std::variant<Claim, Failure> claim_of_header(const http::Request& request,
                                               std::string_view authorization) const;
  std::variant<Claim, Failure> claim_of_query(const http::Request& request) const;
  std::variant<const Identity*, Failure> verify(const http::Request& request, Claim claim);
  std::optional<Failure> refuse_scope(const Claim& claim) const;
  std::optional<Failure> refuse_time(const Claim& claim) const;
  bool signature_fits(const http::Request& request, const Claim& claim, const Key* key);
  Sha256 signing_key(const Key* key, const std::string& day);

  const Options options_;
  const Keys& keys_;
  Clock& clock_;
  const std::string decoy_secret_;  // signs for keys that do not exist
  // Per key the signing keys of the last days, by day; the null key is the decoy.
  Guarded<std::map<const Key*, std::map<std::string, Sha256>>> signing_keys_;
};

}  // namespace tailrace::aws
