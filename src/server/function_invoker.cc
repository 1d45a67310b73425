#include "server/function_invoker.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/json_text.h"

namespace tailrace::server {
namespace {

// As Lambda words an error, so that a batch's error reads the same wherever it arose.
std::string error_json(std::string_view type, std::string_view message) {
  return "{\"errorType\":" + json_string(type) + ",\"errorMessage\":" + json_string(message) + "}";
}

delivery::Answer answer_of(function::InvokeResult result) {
  using Outcome = function::InvokeResult::Outcome;
  using Kind = delivery::Answer::Kind;
  switch (result.outcome) {
    case Outcome::ok:
      return {Kind::done, {}, std::move(result.request_id)};
    case Outcome::function_error:
      return {Kind::function_error, std::move(result.payload), std::move(result.request_id)};
    case Outcome::throttled:
    case Outcome::failed:
      return {Kind::try_later, std::move(result.payload), std::move(result.request_id)};
  }
  __builtin_unreachable();
}

}  // namespace

void FunctionInvoker::invoke(const std::string& function, const std::string& request_id,
                             std::shared_ptr<const std::string> event,
                             std::function<void(delivery::Answer)> done) {
  if (!functions_.find(function)) {
    auto error = why_not_(function);
    std::string why = error ? error->message : "there is no function " + function;
    delivery::Answer answer{delivery::Answer::Kind::try_later,
                            error_json("FunctionUnavailable", why), request_id};
    // Never from inside the call: the caller may hold what `done` needs.
    boost::asio::post(io_, [done = std::move(done), answer = std::move(answer)] { done(answer); });
    return;
  }
  functions_.invoke(function, {.payload = std::move(event), .request_id = request_id},
                    [done = std::move(done)](function::InvokeResult result) {
                      done(answer_of(std::move(result)));
                    });
}

}  // namespace tailrace::server
