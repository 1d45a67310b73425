#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <utility>

#include "admin/answer.h"
#include "admin/routes.h"
#include "admin/status_json.h"
#include "admin/wait.h"

namespace tailrace::admin {

using json = nlohmann::ordered_json;

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::uint64_t timeout_ms_default = 30'000;
constexpr std::uint64_t timeout_ms_max = 3'600'000;
// A blocking wait is cut into slices: between them we look whether the peer is still there, and
// others get their turn on the pool. The wait itself ends the moment the task is durable.
constexpr std::chrono::milliseconds wait_slice{500};

const Error too_busy{Fault::unavailable, "too many calls wait already; try again later"};

void answer_task(Parts& parts, const std::string& name, http::Responder& responder) {
  for (const capture::TaskStatus& task : parts.tasks())
    if (task.spec.name == name) return answer(responder, to_json(task));
  answer(responder, Error{Fault::not_found, "no such task: " + name});
}

Result<std::shared_ptr<capture::Task>> find_task(Parts& parts, const std::string& name) {
  if (auto task = parts.find_task(name)) return task;
  for (const capture::TaskStatus& task : parts.tasks())
    if (task.spec.name == name && task.error) return *task.error;
  return Error{Fault::not_found, "no such task: " + name};
}

// Calls the task on the pool, then answers with its status.
void command(BlockingPool& calls, Parts& parts, const Call& call,
             Result<void> (*order)(capture::Task&)) {
  bool taken = calls.submit([&parts, order, name = call.names[0], responder = call.responder] {
    auto task = find_task(parts, name);
    if (!task) return answer(*responder, task.error());
    if (auto done = order(**task); !done) return answer(*responder, done.error());
    answer_task(parts, name, *responder);
  });
  if (!taken) answer(*call.responder, too_busy);
}

void reload_configuration(BlockingPool& calls, Parts& parts, const Call& call) {
  bool taken = calls.submit([&parts, responder = call.responder] {
    auto done = parts.reload();
    if (!done) return answer(*responder, done.error());
    answer(*responder, {{"done", *done}});
  });
  if (!taken) answer(*call.responder, too_busy);
}

// Answers when all that committed before an LSN is durable and, if asked, handled by every trigger.
class LsnWait : public std::enable_shared_from_this<LsnWait> {
 public:
  struct Asked {
    std::string task;
    Lsn lsn;
    bool delivered = false;
    SteadyTime deadline;
  };
  LsnWait(boost::asio::io_context& io, http::OpenAnswers& open, BlockingPool& waits, Parts& parts,
          Asked asked, std::shared_ptr<http::Responder> responder)
      : io_(io),
        open_(open),
        waits_(waits),
        parts_(parts),
        asked_(std::move(asked)),
        responder_(std::move(responder)) {}

  void begin() {
    responder_->on_gone([weak = weak_from_this()] {
      if (auto self = weak.lock()) self->gone_ = true;
    });
    wait_on_pool();
  }

 private:
  void wait_on_pool() {
    if (!waits_.submit([self = shared_from_this()] { self->wait_durable(); }))
      answer(*responder_, too_busy);
  }

  void wait_durable() {
    if (gone_) return;
    auto task = find_task(parts_, asked_.task);
    if (!task) return answer(*responder_, task.error());
    auto durable = (*task)->wait_durable(asked_.lsn, std::min(wait_slice, left()));
    if (durable) return asked_.delivered ? wait_delivered(**task) : answer_done();
    if (durable.error().fault == Fault::timeout && left().count() > 0) return wait_on_pool();
    answer(*responder_, durable.error());
  }

  void wait_delivered(const capture::Task& task) {
    std::string name = task.status().spec.stream;
    auto stream = parts_.streams().find(name);
    if (!stream) return answer(*responder_, Error{Fault::not_found, "no such stream: " + name});
    std::vector<std::pair<ShardNumber, Offset>> ends;
    for (const stream::Shard& shard : stream->shards())
      ends.emplace_back(shard.number, stream->latest(shard.number));

    delivery::Deliveries& deliveries = parts_.deliveries();
    answer_when_ready(
        io_, open_,
        {.subscribe =
             [&deliveries](std::function<void()> wake) {
               return deliveries.subscribe(std::move(wake));
             },
         .unsubscribe =
             [&deliveries](std::uint64_t subscription) { deliveries.unsubscribe(subscription); }},
        left(), responder_,
        [self = shared_from_this(), &deliveries, name, ends = std::move(ends)](LastTry last) {
          bool delivered = deliveries.delivered(name, ends);
          if (delivered)
            self->answer_done();
          else if (last == LastTry::yes)
            answer(
                *self->responder_,
                Error{Fault::timeout, "durable, but not yet handled by every trigger of stream " +
                                          name + "; tailrace status shows how far each is"});
          return delivered || last == LastTry::yes;
        });
  }

  std::chrono::milliseconds left() const {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(asked_.deadline -
                                                             std::chrono::steady_clock::now());
    return std::max(left, std::chrono::milliseconds{0});
  }

  void answer_done() {
    answer(*responder_, {{"task", asked_.task},
                         {"lsn", to_string(asked_.lsn)},
                         {"durable", true},
                         {"delivered", asked_.delivered}});
  }

  boost::asio::io_context& io_;
  http::OpenAnswers& open_;
  BlockingPool& waits_;
  Parts& parts_;
  const Asked asked_;
  const std::shared_ptr<http::Responder> responder_;
  std::atomic<bool> gone_{false};
};

void answer_wait(boost::asio::io_context& io, http::OpenAnswers& open, BlockingPool& waits,
                 Parts& parts, const Call& call) {
  if (auto task = find_task(parts, call.names[0]); !task)
    return answer(*call.responder, task.error());
  const std::string* text = text_in(call.request, "lsn");
  auto lsn = text ? parse_lsn(*text) : std::nullopt;
  if (!lsn)
    return answer(*call.responder,
                  Error{Fault::invalid, "lsn must be given as PostgreSQL prints it: 16/B374D848"});
  auto delivered = flag_in(call.request, "delivered");
  if (!delivered) return answer(*call.responder, delivered.error());
  auto timeout_ms = number_in(call.request, "timeout_ms", timeout_ms_default, timeout_ms_max);
  if (!timeout_ms) return answer(*call.responder, timeout_ms.error());

  LsnWait::Asked asked{call.names[0], *lsn, *delivered,
                       std::chrono::steady_clock::now() + std::chrono::milliseconds{*timeout_ms}};
  std::make_shared<LsnWait>(io, open, waits, parts, std::move(asked), call.responder)->begin();
}

}  // namespace

void add_task_routes(Router& router, boost::asio::io_context& io, http::OpenAnswers& open,
                     BlockingPool& calls, BlockingPool& waits, Parts& parts) {
  router.add("GET", "/v1/tasks", [&parts](const Call& call) {
    answer(*call.responder, {{"tasks", tasks_json(parts)}});
  });
  router.add("GET", "/v1/tasks/{}",
             [&parts](const Call& call) { answer_task(parts, call.names[0], *call.responder); });
  auto add_command = [&](std::string path, Result<void> (*order)(capture::Task&)) {
    router.add("POST", path,
               [&calls, &parts, order](const Call& call) { command(calls, parts, call, order); });
  };
  auto start = [](capture::Task& task) -> Result<void> {
    task.start();
    return {};
  };
  auto stop = [](capture::Task& task) -> Result<void> {
    task.stop();
    return {};
  };
  auto reload = [](capture::Task& task) -> Result<void> {
    if (auto forgotten = task.reload(); !forgotten) return forgotten;
    task.start();
    return {};
  };
  add_command("/v1/tasks/{}/start", start);
  add_command("/v1/tasks/{}/resume", start);  // a task always goes on from where its log ends
  add_command("/v1/tasks/{}/stop", stop);
  add_command("/v1/tasks/{}/reload", reload);
  router.add("POST", "/v1/reload",
             [&calls, &parts](const Call& call) { reload_configuration(calls, parts, call); });
  router.add("GET", "/v1/tasks/{}/wait", [&io, &open, &waits, &parts](const Call& call) {
    answer_wait(io, open, waits, parts, call);
  });
}

}  // namespace tailrace::admin
