#include "aws/call.h"

#include <algorithm>

#include "aws/event_stream.h"
#include "base/check.h"

namespace tailrace::aws {
namespace {

// Most answers are shorter.
constexpr std::size_t answer_bytes = 256;

}  // namespace

Call::Call(Document input, http::Headers request_headers, http::Headers answer_headers,
           std::shared_ptr<http::Responder> responder)
    : document_(std::move(input)),
      request_headers_(std::move(request_headers)),
      answer_headers_(std::move(answer_headers)),
      responder_(std::move(responder)) {}

Call::~Call() {
  if (responder_) fail({"InternalFailure", "The request was given up.", 500});
}

std::string_view Call::header(std::string_view lower_case_name) const {
  auto found = std::find_if(request_headers_.begin(), request_headers_.end(),
                            [&](const auto& header) { return header.first == lower_case_name; });
  return found == request_headers_.end() ? std::string_view{} : std::string_view(found->second);
}

std::shared_ptr<http::Responder> Call::take_responder() {
  TAILRACE_CHECK(responder_ != nullptr);
  return std::exchange(responder_, nullptr);
}

void Call::answer() {
  http::Response response;
  response.content_type = content_type_of(codec());
  response.headers = std::move(answer_headers_);
  take_responder()->send(std::move(response));
}

void Call::answer(const std::function<void(Writer&)>& write) {
  http::Response response;
  response.content_type = content_type_of(codec());
  response.headers = std::move(answer_headers_);
  response.body.reserve(answer_bytes);
  auto writer = make_writer(codec(), response.body);
  writer->begin_map();
  write(*writer);
  writer->end_map();
  take_responder()->send(std::move(response));
}

void Call::fail(const Failure& failure) {
  take_responder()->send(failure_answer(codec(), failure, std::move(answer_headers_)));
}

std::shared_ptr<http::Responder> Call::start_events(std::function<void(bool)> started) {
  auto responder = take_responder();
  responder->start(200, std::string(event_stream_content_type), std::move(answer_headers_));
  responder->write(initial_response_frame(codec()), std::move(started));
  return responder;
}

void Call::on_gone(std::function<void()> gone) {
  TAILRACE_CHECK(responder_ != nullptr);
  responder_->on_gone(std::move(gone));
}

http::Response failure_answer(Codec codec, const Failure& failure, http::Headers headers) {
  http::Response response;
  response.status = failure.status;
  response.content_type = content_type_of(codec);
  response.headers = std::move(headers);
  response.headers.emplace_back("x-amzn-ErrorType", failure.type);
  auto writer = make_writer(codec, response.body);
  writer->begin_map();
  writer->text("__type", failure.type);
  if (!failure.message.empty())
    writer->text(failure.type == "SerializationException" ? "Message" : "message", failure.message);
  writer->end_map();
  return response;
}

}  // namespace tailrace::aws
