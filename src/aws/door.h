#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aws/call.h"
#include "http/server.h"

namespace tailrace::aws {

class Verifier;

// The way into a service that speaks AWS's JSON 1.1 or CBOR: POST, the action in X-Amz-Target, the
// codec by Content-Type. What is refused is refused in the order in which AWS does it: the method,
// an empty body, the content type, a body that cannot be read, an unknown action, authentication,
// types, constraints, and then what the identity's policy does not allow. Every answer has
// x-amzn-RequestId and x-amz-id-2.
//
// A page in a browser can reach a port of its own machine. Where requests are verified, pages of
// any origin are answered as AWS answers them, with Access-Control-Allow-Origin: *, since a page
// cannot sign. Where any key works, a page can do nothing:
//  - A call needs the header X-Amz-Target and a content type beyond the three that forms have, so a
//    browser asks first (OPTIONS) and gets no permission; what it sends without asking has no
//    action and changes nothing.
//  - A page whose name was made to lead to this machine is of the same origin to its browser, which
//    then does not ask. It is refused by its Host (http::Server's hosts_allowed), and here by its
//    Origin, which browsers put on every POST and programs do not.
class Door {
 public:
  struct Options {
    std::string target_prefix;  // "Kinesis_20131202"
    std::string service;        // "kinesis", as policies write actions: "kinesis:PutRecord"
  };
  // Without a verifier every request is served, signed or not. The verifier outlives the door.
  Door(Options options, std::vector<Operation> operations, Verifier* verifier);

  // An http::Handler. On the I/O pool, from any of its threads.
  void serve(http::Request request, std::shared_ptr<http::Responder> responder);

 private:
  const Operation* find(std::string_view target) const;

  const Options options_;
  const std::map<std::string, Operation, std::less<>> operations_;
  Verifier* const verifier_;
};

}  // namespace tailrace::aws
