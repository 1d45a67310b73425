#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tailrace::http {
struct Request;
}

namespace tailrace::aws {

// The one spelling of a request that its signer and its verifier both hash:
//
//   METHOD \n path \n query \n { name ":" values \n } \n signed names \n hash of the body
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
struct CanonicalForm {
  // Signers differ where a path is not normal ("/a/../b", "//"): most normalise it before they
  // sign it, those for S3 sign it as sent.
  bool path_as_sent = false;
  // Some services have the token added to a presigned URL after it was signed.
  bool token_left_out = false;
};

// `signed_names` is the list as sent, "content-type;host;x-amz-date". Nothing when a header in it
// is missing or the target has no path. `host` and HTTP/2's `:authority` are the request's
// authority where no such header came (over HTTP/2 clients sign one and send the other).
std::optional<std::string> canonical_request(const http::Request& request,
                                             std::string_view signed_names,
                                             std::string_view body_hash, CanonicalForm form);

// The query's pairs decoded, in the order sent. A plus sign is a plus sign.
std::vector<std::pair<std::string, std::string>> query_of(std::string_view target);

bool path_is_normal(std::string_view target);

}  // namespace tailrace::aws
