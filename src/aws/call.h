#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/error.h"
#include "aws/shape.h"
#include "aws/value.h"
#include "aws/writer.h"
#include "http/server.h"

namespace tailrace::aws {

// One request on its way through an operation. It is answered once, from any thread, at any later
// time; a call that is dropped without an answer answers InternalFailure.
class Call {
 public:
  // Made by the door, which has checked the input against the operation's shape. The answer's
  // headers go on whatever is answered.
  Call(Document input, http::Headers request_headers, http::Headers answer_headers,
       std::shared_ptr<http::Responder> responder);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  const Value& input() const { return document_.root(); }
  Codec codec() const { return document_.codec(); }
  // A header of the request by its name in lower case; empty when absent.
  std::string_view header(std::string_view lower_case_name) const;

  // 200 with an empty body, as operations without output answer.
  void answer();
  // 200 with the structure whose members `write` writes; the map around them is the call's.
  void answer(const std::function<void(Writer&)>& write);
  void fail(const Failure& failure);

  // 200 with the initial-response frame. From then on the responder is the caller's: it writes
  // frames once `started(true)` was called, and ends the stream.
  std::shared_ptr<http::Responder> start_events(std::function<void(bool)> started);
  // Called once when the peer leaves before the answer is complete. On the I/O pool. Not after the
  // call is answered: a stream's responder has its own.
  void on_gone(std::function<void()> gone);

 private:
  std::shared_ptr<http::Responder> take_responder();

  Document document_;
  const http::Headers request_headers_;
  http::Headers answer_headers_;
  std::shared_ptr<http::Responder> responder_;  // none once answered
};

// {"__type": ..., "message": ...} and x-amzn-ErrorType. A SerializationException calls its text
// "Message", as on AWS; a failure without a text has no such member.
http::Response failure_answer(Codec codec, const Failure& failure, http::Headers headers);

// What a service can do, by the name that stands in X-Amz-Target.
struct Operation {
  std::string name;  // "PutRecords"
  const Shape* input = nullptr;
  // The ARNs that a checked input acts on, for identity policies; "*" when it names none.
  std::function<std::vector<std::string>(const Value& input)> resources;
  // Begins the operation on the I/O pool and never blocks it.
  std::function<void(std::shared_ptr<Call>)> run;
};

}  // namespace tailrace::aws
