#include <nlohmann/json.hpp>
#include <utility>

#include "admin/answer.h"
#include "admin/routes.h"
#include "admin/status_json.h"
#include "admin/wait.h"
#include "base/rfc3339.h"

namespace tailrace::admin {

using json = nlohmann::ordered_json;

namespace {

constexpr std::uint64_t lines_default = 1000;
constexpr std::uint64_t lines_max = 10'000;
constexpr std::uint64_t wait_ms_max = 300'000;

// Nothing when the function can be invoked.
std::optional<Error> unusable(Parts& parts, const std::string& name) {
  if (parts.functions().find(name)) return std::nullopt;
  for (const auto& broken : parts.broken_functions())
    if (broken.spec.name == name) return broken.error;
  return Error{Fault::not_found, "no such function: " + name};
}

void answer_invocation(http::Responder& responder, const function::InvokeResult& result) {
  using Outcome = function::InvokeResult::Outcome;
  const char* outcome = "ok";
  switch (result.outcome) {
    case Outcome::ok:
      break;
    case Outcome::function_error:
      outcome = "function_error";
      break;
    case Outcome::throttled:
      return answer(responder,
                    Error{Fault::unavailable, "every worker is busy and none may be added"});
    case Outcome::failed:
      return answer(responder, Error{Fault::unavailable, result.payload});
  }
  answer(responder, {{"outcome", outcome},
                     {"payload", result.payload},
                     {"request_id", result.request_id},
                     {"duration_ms", static_cast<double>(result.duration.count()) / 1000.0},
                     {"log_tail", result.log_tail}});
}

void invoke(Parts& parts, Call call) {
  if (auto error = unusable(parts, call.names[0])) return answer(*call.responder, *error);
  if (call.request.body.empty()) call.request.body = "{}";
  if (!json::accept(call.request.body))
    return answer(*call.responder, Error{Fault::invalid, "the event is not valid JSON"});
  auto event = std::make_shared<const std::string>(std::move(call.request.body));
  parts.functions().invoke(call.names[0], {.payload = std::move(event), .request_id = {}},
                           [responder = call.responder](const function::InvokeResult& result) {
                             answer_invocation(*responder, result);
                           });
}

json to_json(const function::LogLine& line) {
  return {{"number", line.number},
          {"time", rfc3339(line.time)},
          {"request_id", line.request_id},
          {"text", line.text}};
}

void answer_logs(boost::asio::io_context& io, http::OpenAnswers& open, Parts& parts,
                 const Call& call) {
  const std::string& name = call.names[0];
  if (auto error = unusable(parts, name)) return answer(*call.responder, *error);
  auto after = number_in(call.request, "after", 0, UINT64_MAX);
  if (!after) return answer(*call.responder, after.error());
  auto limit = number_in(call.request, "limit", lines_default, lines_max);
  if (!limit) return answer(*call.responder, limit.error());
  auto wait_ms = number_in(call.request, "wait_ms", 0, wait_ms_max);
  if (!wait_ms) return answer(*call.responder, wait_ms.error());

  function::Functions& functions = parts.functions();
  answer_when_ready(
      io, open,
      {.subscribe =
           [&functions, name](std::function<void()> wake) {
             return functions.subscribe_logs(name, std::move(wake));
           },
       .unsubscribe =
           [&functions](std::uint64_t subscription) { functions.unsubscribe_logs(subscription); }},
      std::chrono::milliseconds{*wait_ms}, call.responder,
      [&functions, name, after = *after, limit = *limit, responder = call.responder](LastTry last) {
        auto lines = functions.logs(name, after, static_cast<std::size_t>(limit));
        if (lines.empty() && last == LastTry::no) return false;
        json list = json::array();
        for (const function::LogLine& line : lines) list.push_back(to_json(line));
        answer(*responder, {{"lines", list}});
        return true;
      });
}

void answer_function(Parts& parts, const Call& call) {
  json list = functions_json(parts);
  for (const json& function : list)
    if (function["name"] == call.names[0]) return answer(*call.responder, function);
  answer(*call.responder, Error{Fault::not_found, "no such function: " + call.names[0]});
}

}  // namespace

void add_function_routes(Router& router, boost::asio::io_context& io, http::OpenAnswers& open,
                         Parts& parts) {
  router.add("GET", "/v1/functions", [&parts](const Call& call) {
    answer(*call.responder, {{"functions", functions_json(parts)}});
  });
  router.add("GET", "/v1/functions/{}",
             [&parts](const Call& call) { answer_function(parts, call); });
  router.add("POST", "/v1/functions/{}/invoke",
             [&parts](Call call) { invoke(parts, std::move(call)); });
  router.add("GET", "/v1/functions/{}/logs",
             [&io, &open, &parts](const Call& call) { answer_logs(io, open, parts, call); });
}

}  // namespace tailrace::admin
