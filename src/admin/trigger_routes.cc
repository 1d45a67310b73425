#include <nlohmann/json.hpp>
#include <utility>

#include "admin/answer.h"
#include "admin/routes.h"
#include "admin/status_json.h"
#include "base/whole_number.h"

namespace tailrace::admin {

using json = nlohmann::ordered_json;

namespace {

// Parked batches are in a database, whose calls block.
void on_pool(BlockingPool& calls, const Call& call,
             std::function<void(const std::shared_ptr<http::Responder>&)> job) {
  bool taken = calls.submit([job = std::move(job), responder = call.responder] { job(responder); });
  if (!taken)
    answer(*call.responder,
           Error{Fault::unavailable, "too many calls wait already; try again later"});
}

void answer_parked_list(BlockingPool& calls, Parts& parts, const Call& call) {
  on_pool(calls, call, [&parts](const auto& responder) {
    auto parked = parts.deliveries().parked();
    if (!parked) return answer(*responder, parked.error());
    json list = json::array();
    for (const delivery::Parked& batch : *parked) list.push_back(to_json(batch));
    answer(*responder, {{"parked", list}});
  });
}

// Calls `job` with the number in the path.
template <typename Job>
void with_parked_id(BlockingPool& calls, const Call& call, Job job) {
  const std::string& text = call.names[0];
  auto id = parse_whole<std::uint64_t>(text);
  if (!id) return answer(*call.responder, Error{Fault::not_found, "no such parked batch: " + text});
  on_pool(calls, call, [id = *id, job](const auto& responder) { job(id, responder); });
}

void answer_parked(BlockingPool& calls, Parts& parts, const Call& call) {
  with_parked_id(calls, call, [&parts](std::uint64_t id, const auto& responder) {
    auto parked = parts.deliveries().parked(id);
    if (!parked) return answer(*responder, parked.error());
    json body = to_json(*parked);
    body["event"] = parked->event;
    answer(*responder, body);
  });
}

void redrive(BlockingPool& calls, Parts& parts, const Call& call) {
  with_parked_id(calls, call, [&parts](std::uint64_t id, const auto& responder) {
    parts.deliveries().redrive(id, [id, responder](const Result<void>& redriven) {
      if (!redriven) return answer(*responder, redriven.error());
      answer(*responder, {{"id", id}, {"redriven", true}});
    });
  });
}

void discard(BlockingPool& calls, Parts& parts, const Call& call) {
  with_parked_id(calls, call, [&parts](std::uint64_t id, const auto& responder) {
    auto discarded = parts.deliveries().discard(id);
    if (!discarded) return answer(*responder, discarded.error());
    answer(*responder, {{"id", id}, {"discarded", true}});
  });
}

}  // namespace

void add_trigger_routes(Router& router, BlockingPool& calls, Parts& parts) {
  router.add("GET", "/v1/triggers", [&parts](const Call& call) {
    answer(*call.responder, {{"triggers", triggers_json(parts)}});
  });
  router.add("GET", "/v1/parked",
             [&calls, &parts](const Call& call) { answer_parked_list(calls, parts, call); });
  router.add("GET", "/v1/parked/{}",
             [&calls, &parts](const Call& call) { answer_parked(calls, parts, call); });
  router.add("POST", "/v1/parked/{}/redrive",
             [&calls, &parts](const Call& call) { redrive(calls, parts, call); });
  router.add("DELETE", "/v1/parked/{}",
             [&calls, &parts](const Call& call) { discard(calls, parts, call); });
}

}  // namespace tailrace::admin
