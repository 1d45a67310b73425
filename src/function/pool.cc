#include "function/pool.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "function/pool_callbacks.h"

namespace tailrace::function {

namespace {

// What the Runtime API says it accepts, in its error too; http refuses more.
constexpr std::string_view too_large_message =
    "Response payload size exceeded maximum allowed payload size (6291556 bytes).";
// How many may wait per worker that the function may have. A caller beyond that is told to come
// back: it keeps the event, so that it is not kept twice.
constexpr std::size_t waiting_per_worker_max = 16;
constexpr std::size_t log_tail_bytes = 4096;
constexpr std::string_view invocation_path = "/2018-06-01/runtime/invocation/";

std::string error_json(std::string_view type, std::string_view message) {
  return R"({"errorMessage":)" + json_string(message) + R"(,"errorType":)" + json_string(type) +
         "}";
}

void accept(http::Responder& responder) {
  responder.send({202, "application/json", "{\"status\":\"OK\"}\n", {}});
}

void refuse(http::Responder& responder, int status, std::string_view type,
            std::string_view message) {
  responder.send({status, "application/json", error_json(type, message), {}});
}

std::string_view name_of(Worker::State state) {
  switch (state) {
    case Worker::State::starting:
      return "Started";
    case Worker::State::ready:
      return "Ready";
    case Worker::State::running:
      return "Running";
    case Worker::State::answered:
      return "ResponseSent";
    case Worker::State::init_failed:
      return "InitError";
    case Worker::State::ending:
      return "Ending";
  }
  __builtin_unreachable();
}

void refuse_transition(http::Responder& responder, Worker::State from, std::string_view to) {
  refuse(responder, 403, "InvalidStateTransition",
         "Transition from " + std::string(name_of(from)) + " to " + std::string(to) +
             " is not allowed");
}

// A trace of its own for each event: time, then the request id's digits.
std::string trace_id(const std::string& request_id, std::int64_t seconds) {
  char hex[40];
  std::size_t size = 0;
  for (char c : request_id)
    if (c != '-' && size < sizeof hex) hex[size++] = c;
  while (size < sizeof hex) hex[size++] = '0';
  char text[96];
  int length = std::snprintf(text, sizeof text, "Root=1-%08llx-%.24s;Parent=%.16s;Sampled=0",
                             static_cast<unsigned long long>(seconds), hex, hex + 8);
  return {text, static_cast<std::size_t>(length)};
}

std::string milliseconds_text(std::chrono::microseconds duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", static_cast<double>(duration.count()) / 1000);
  return text;
}

}  // namespace

Pool::Pool(Platform& platform, FunctionSpec spec, Launch launch,
           std::shared_ptr<FunctionRecord> record)
    : platform_(platform),
      spec_(std::move(spec)),
      launch_(std::move(launch)),
      record_(std::move(record)),
      queue_max_(waiting_per_worker_max * spec_.concurrency_max),
      retry_timer_(platform.io) {}

bool Pool::invoke(Job& job) {
  std::lock_guard lock(mutex_);
  if (retired_) return false;
  if (!idle_.empty()) {
    auto worker = std::move(idle_.back());
    idle_.pop_back();
    hand_out(worker, std::move(job));
    return true;
  }
  if (queue_.size() >= queue_max_) {
    record_->counts.with([](auto& counts) { ++counts.throttles; });
    InvokeResult result;
    result.outcome = InvokeResult::Outcome::throttled;
    result.payload = error_json("TooManyRequestsException", "Rate Exceeded.");
    complete(std::move(job), std::move(result));
    return true;
  }
  queue_.push_back(std::move(job));
  start_workers(Patience::some);
  return true;
}

std::deque<Job> Pool::retire() {
  std::lock_guard lock(mutex_);
  retired_ = true;
  auto workers = workers_;
  for (const auto& worker : workers)
    if (worker->state == Worker::State::ready || worker->state == Worker::State::starting)
      end_worker(worker, Ending::idle);
  return std::exchange(queue_, {});
}

bool Pool::is_empty() const {
  std::lock_guard lock(mutex_);
  return workers_.empty();
}

Pool::Load Pool::load() const {
  std::lock_guard lock(mutex_);
  return {static_cast<std::uint32_t>(workers_.size()),
          static_cast<std::uint32_t>(count(Worker::State::running))};
}

std::size_t Pool::count(Worker::State state) const {
  return static_cast<std::size_t>(
      std::count_if(workers_.begin(), workers_.end(),
                    [&](const WorkerPtr& worker) { return worker->state == state; }));
}

void Pool::complete(Job job, InvokeResult result) {
  result.request_id = std::move(job.invocation.request_id);
  platform_.completions.add([done = std::move(job.done), result = std::move(result)]() mutable {
    done(std::move(result));
  });
}

// --- the Runtime API ---

void Pool::answer(const WorkerPtr& worker, http::Request request,
                  std::shared_ptr<http::Responder> responder) {
  std::string_view path = request.path;
  bool is_get = request.method == "GET", is_post = request.method == "POST";
  if (is_get && path == "/2018-06-01/runtime/invocation/next")
    return next(worker, std::move(responder));
  if (is_post && path == "/2018-06-01/runtime/init/error")
    return fail_init(worker, std::move(request), *responder);
  if (is_get && path == "/2018-06-01/ping") return responder->send({200, "text/plain", "pong", {}});
  if (is_post && path.starts_with(invocation_path)) {
    auto rest = path.substr(invocation_path.size());
    auto slash = rest.find('/');
    auto action = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
    if (action == "response" || action == "error") {
      std::string id(rest.substr(0, slash)), which(action);
      return respond(worker, id, which, std::move(request), *responder);
    }
  }
  refuse(*responder, 404, "NotFound", "there is no " + request.method + " " + request.path);
}

void Pool::next(const WorkerPtr& worker, std::shared_ptr<http::Responder> responder) {
  switch (worker->state) {
    case Worker::State::init_failed:
    case Worker::State::ending:
      return refuse_transition(*responder, worker->state, "Ready");
    case Worker::State::running:
      // The client lost the event, or its connection: it gets the same one again.
      worker->waiting = std::move(responder);
      return send_event(*worker);
    case Worker::State::ready:
      refuse_transition(*worker->waiting, worker->state, "Ready");
      worker->waiting = std::move(responder);
      return;
    case Worker::State::starting:
      worker->init_duration = std::chrono::duration_cast<std::chrono::microseconds>(
          platform_.clock.steady() - worker->spawned);
      retry_delay_ = {};
      break;
    case Worker::State::answered:
      break;
  }
  worker->state = Worker::State::ready;
  worker->waiting = std::move(responder);
  if (retired_) return end_worker(worker, Ending::idle);
  if (!queue_.empty()) {
    auto job = std::move(queue_.front());
    queue_.pop_front();
    return hand_out(worker, std::move(job));
  }
  worker->idle_since = platform_.clock.steady();
  idle_.push_back(worker);
}

void Pool::respond(const WorkerPtr& worker, const std::string& id, std::string_view action,
                   http::Request request, http::Responder& responder) {
  bool is_error = action == "error";
  auto to = is_error ? "InvocationErrorResponse" : "InvocationResponse";
  if (worker->state != Worker::State::running) {
    if (worker->state == Worker::State::answered && id == worker->request_id)
      return refuse_transition(responder, worker->state, to);
    return refuse(responder, 400, "InvalidRequestID", "Invalid request ID");
  }
  if (id != worker->request_id)
    return refuse(responder, 400, "InvalidRequestID", "Invalid request ID");

  accept(responder);
  if (!is_error) return finish(*worker, InvokeResult::Outcome::ok, std::move(request.body), "", "");
  count_error(request.body);
  finish(*worker, InvokeResult::Outcome::function_error, std::move(request.body), "error",
         request.header("lambda-runtime-function-error-type"));
}

void Pool::refuse_oversize(const WorkerPtr& worker, http::Request request,
                           std::shared_ptr<http::Responder> responder) {
  refuse(*responder, 413, "RequestEntityTooLarge",
         "Exceeded maximum allowed payload size (6291556 bytes).");
  auto path = std::string(invocation_path) + worker->request_id + "/";
  if (worker->state != Worker::State::running || !request.path.starts_with(path)) return;
  auto payload = R"({"errorType":"Function.ResponseSizeTooLarge","errorMessage":)" +
                 json_string(too_large_message) + "}";
  count_error(payload);
  finish(*worker, InvokeResult::Outcome::function_error, std::move(payload), "error",
         "Function.ResponseSizeTooLarge");
}

void Pool::fail_init(const WorkerPtr& worker, http::Request request, http::Responder& responder) {
  if (worker->state != Worker::State::starting)
    return refuse_transition(responder, worker->state, "InitError");
  worker->state = Worker::State::init_failed;
  worker->init_error = std::move(request.body);
  accept(responder);
  end_worker(worker, Ending::init_failed);
}

void Pool::hand_out(const WorkerPtr& worker, Job job) {
  worker->state = Worker::State::running;
  worker->request_id = job.invocation.request_id;
  worker->began = platform_.clock.steady();
  worker->deadline = worker->began + spec_.timeout;
  worker->job = std::move(job);
  print(*worker, "START RequestId: " + worker->request_id + " Version: $LATEST",
        worker->request_id);
  arm(worker, worker->deadline);
  send_event(*worker);
}

void Pool::send_event(Worker& worker) {
  auto now = platform_.clock.now();
  auto left = std::chrono::duration_cast<std::chrono::microseconds>(worker.deadline -
                                                                    platform_.clock.steady());
  auto responder = std::exchange(worker.waiting, nullptr);
  responder->send(
      200, "application/json",
      {{"Lambda-Runtime-Aws-Request-Id", worker.request_id},
       {"Lambda-Runtime-Deadline-Ms", std::to_string(unix_ms(now + left))},
       {"Lambda-Runtime-Invoked-Function-Arn", function_arn(platform_.account, spec_.name)},
       {"Lambda-Runtime-Trace-Id", trace_id(worker.request_id, unix_seconds(now))}},
      worker.job->invocation.payload);
}

void Pool::finish(Worker& worker, InvokeResult::Outcome outcome, std::string payload,
                  std::string_view status, std::string_view error_type) {
  auto id = worker.request_id;
  // What the process printed before its answer is in the pipe by now.
  drain_output(worker, 256u << 10);
  worker.log_cutter.finish([&](std::string line) { print(worker, std::move(line), id); });
  if (worker.resident_bytes_max == 0 && worker.has_process)
    worker.resident_bytes_max = resident_bytes_of(worker.process.pid);

  InvokeResult result;
  result.outcome = outcome;
  result.payload = std::move(payload);
  result.duration = std::chrono::duration_cast<std::chrono::microseconds>(platform_.clock.steady() -
                                                                          worker.began);
  print(worker, "END RequestId: " + id, id);
  auto report = "REPORT RequestId: " + id + "\tDuration: " + milliseconds_text(result.duration) +
                " ms\tBilled Duration: " + std::to_string((result.duration.count() + 999) / 1000) +
                " ms\tMemory Size: " + std::to_string(spec_.memory_mib) +
                " MB\tMax Memory Used: " + std::to_string(worker.resident_bytes_max >> 20) + " MB";
  if (worker.init_duration.count() > 0)
    report +=
        "\tInit Duration: " + milliseconds_text(std::exchange(worker.init_duration, {})) + " ms";
  if (!status.empty()) report.append("\tStatus: ").append(status);
  if (!error_type.empty()) report.append("\tError Type: ").append(neutralised(error_type));
  print(worker, std::move(report), id);
  result.log_tail = tail_of(worker.log_tail, log_tail_bytes);
  worker.log_tail.clear();

  record_->counts.with([&](auto& counts) {
    ++counts.invocations;
    counts.errors += outcome != InvokeResult::Outcome::ok;
    counts.duration_micros += static_cast<std::uint64_t>(result.duration.count());
  });
  if (worker.state == Worker::State::running) worker.state = Worker::State::answered;
  auto job = std::move(*worker.job);
  worker.job.reset();
  complete(std::move(job), std::move(result));
}

void Pool::print(Worker& worker, std::string text, const std::string& request_id) {
  worker.log_tail.append(text).append("\n");
  // Cut rarely, so that a flood does not copy the tail for each line.
  if (worker.log_tail.size() > 16 * log_tail_bytes)
    worker.log_tail = std::string(tail_of(worker.log_tail, log_tail_bytes));
  LogLine line;
  line.time = platform_.clock.now();
  line.request_id = request_id;
  line.text = std::move(text);
  record_->log.add(std::move(line));
}

void Pool::count_error(std::string_view payload) {
  auto document = nlohmann::json::parse(payload, nullptr, false);
  auto text_of = [&](const char* key) -> std::string {
    if (!document.is_object()) return {};
    auto found = document.find(key);
    return found != document.end() && found->is_string() ? found->get<std::string>()
                                                         : std::string();
  };
  auto type = text_of("errorType"), message = text_of("errorMessage");
  if (type.empty() && message.empty()) message = std::string(payload.substr(0, 200));
  auto error = neutralised(type.empty() ? message : type + ": " + message);
  record_->counts.with([&](auto& counts) { counts.last_error = std::move(error); });
}

}  // namespace tailrace::function
