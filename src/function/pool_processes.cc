// The part of the pool that starts workers, watches them, and ends them.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/json_text.h"
#include "base/uuid.h"
#include "function/pool.h"
#include "function/pool_callbacks.h"

namespace tailrace::function {

namespace {

using boost::system::error_code;

constexpr std::size_t answer_bytes_max = 6291556;  // Lambda's 6 MiB and 100 bytes
constexpr std::chrono::seconds init_time_max{10};
constexpr std::chrono::minutes idle_time_max{5};
constexpr std::chrono::milliseconds retry_delay_min{100}, retry_delay_max{5000};
// A process that ended may have sent its answer just before; it is read within this time.
constexpr std::chrono::milliseconds last_words{20};
// A flood of output is read in such pieces, with pauses: some 30 MB/s.
constexpr std::size_t output_bytes_at_once = 64u << 10;
constexpr std::chrono::milliseconds output_pause{2};

std::string platform_error(std::string_view type, const std::string& request_id,
                           const std::string& what) {
  return R"({"errorType":)" + json_string(type) + R"(,"errorMessage":)" +
         json_string("RequestId: " + request_id + " Error: " + what) + "}";
}

std::string exit_text(const std::string& how) {
  return how.empty() ? "Runtime exited without providing a reason"
                     : "Runtime exited with error: " + how;
}

std::string seconds_text(std::chrono::milliseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", static_cast<double>(time.count()) / 1000);
  return std::string(text) + " seconds";
}

}  // namespace

// --- starting ---

void Pool::start_workers(Patience patience) {
  if (retired_ || queue_.empty()) return;
  auto now = platform_.clock.steady();
  if (now < start_not_before_) {
    if (std::exchange(retry_armed_, true)) return;
    retry_timer_.expires_after(start_not_before_ - now);
    retry_timer_.async_wait([gate = platform_.gate, weak = weak_from_this()](error_code) {
      gate->pass([&] {
        auto pool = weak.lock();
        if (!pool) return;
        std::lock_guard lock(pool->mutex_);
        pool->retry_armed_ = false;
        pool->start_workers(Patience::some);
      });
    });
    return;
  }
  // One that has just answered asks for the next event within microseconds.
  auto coming = count(Worker::State::starting) +
                (patience == Patience::some ? count(Worker::State::answered) : 0);
  for (; queue_.size() > coming && workers_.size() < spec_.concurrency_max; ++coming) {
    auto worker = std::make_shared<Worker>(platform_.io);
    worker->mark = platform_.instance + "-" + random_uuid();
    worker->spawned = now;
    workers_.push_back(worker);
    platform_.keeper.add([weak = weak_from_this(), worker] {
      if (auto pool = weak.lock()) pool->launch(worker);
    });
  }
}

void Pool::launch(const WorkerPtr& worker) {
  auto launched = launch_parts(worker);
  std::lock_guard lock(mutex_);
  if (!launched) {
    std::erase(workers_, worker);
    auto message = std::move(launched).error().during("start a worker of " + spec_.name).message;
    print(*worker, neutralised(message), "");
    start_not_before_ = platform_.clock.steady() + retry_delay_max;
    for (auto& job : std::exchange(queue_, {})) {
      InvokeResult result;
      result.payload =
          R"({"errorType":"Sandbox.Failure","errorMessage":)" + json_string(message) + "}";
      complete(std::move(job), std::move(result));
    }
    return;
  }
  worker->has_process = true;
  record_->counts.with([](auto& counts) { ++counts.cold_starts; });
  listen_to(worker);
  if (retired_) return end_worker(worker, Ending::idle);
  if (worker->state == Worker::State::starting) arm(worker, worker->spawned + init_time_max);
}

Result<void> Pool::launch_parts(const WorkerPtr& worker) {
  worker->temporary_folder = platform_.folder + "/tmp/" + worker->mark;
  if (::mkdir(worker->temporary_folder.c_str(), 0700) != 0)
    return system_error(errno, "make " + worker->temporary_folder);

  http::Server::Options options;
  options.body_bytes_max = answer_bytes_max;
  options.connections_max = 32;
  auto callback = [&](auto use) {
    return pool_callback(platform_.gate, weak_from_this(), worker, mutex_, std::move(use));
  };
  options.oversize = callback([](Pool& pool, const WorkerPtr& from, http::Request request,
                                 std::shared_ptr<http::Responder> responder) {
    pool.refuse_oversize(from, std::move(request), std::move(responder));
  });
  auto listening =
      http::Server::listen(platform_.io, std::move(options),
                           callback([](Pool& pool, const WorkerPtr& from, http::Request request,
                                       std::shared_ptr<http::Responder> responder) {
                             pool.answer(from, std::move(request), std::move(responder));
                           }));
  if (!listening) return std::move(listening).error();
  worker->api = std::move(*listening);

  Command command;
  command.arguments = launch_.arguments;
  command.folder = spec_.code;
  command.environment = worker_environment(
      spec_, launch_, platform_.account, platform_.runtime_folder, worker->temporary_folder,
      platform_.folder + "/bytecode/" + spec_.name, worker->api->port(), worker->mark);
  auto process = spawn(command);
  if (!process) {
    worker->api.reset();
    std::error_code ignored;
    std::filesystem::remove_all(worker->temporary_folder, ignored);
    return std::move(process).error();
  }
  worker->process = std::move(*process);
  return {};
}

void Pool::listen_to(const WorkerPtr& worker) {
  auto callback = [&](auto use) {
    return pool_callback(platform_.gate, weak_from_this(), worker, mutex_, std::move(use));
  };
  error_code ignored;
  worker->output.assign(worker->process.output.release(), ignored);
  worker->exit.assign(::fcntl(worker->process.pidfd.get(), F_DUPFD_CLOEXEC, 3), ignored);
  using Wait = boost::asio::posix::stream_descriptor;
  worker->exit.async_wait(Wait::wait_read,
                          callback([](Pool& pool, const WorkerPtr& from, error_code ec) {
                            if (!ec) pool.on_exit(from, false);
                          }));
  worker->output.async_wait(Wait::wait_read,
                            callback([](Pool& pool, const WorkerPtr& from, error_code ec) {
                              if (!ec) pool.read_output(from);
                            }));
}

// --- watching ---

void Pool::arm(const WorkerPtr& worker, Worker::Steady at) {
  // A timer that goes off too early looks at the deadline again, which is cheaper than setting it
  // anew for each event.
  if (worker->timer_at <= at) return;
  worker->timer_at = at;
  worker->timer.expires_at(at);
  worker->timer.async_wait(pool_callback(platform_.gate, weak_from_this(), worker, mutex_,
                                         [](Pool& pool, const WorkerPtr& from, error_code ec) {
                                           if (!ec) pool.on_timer(from);
                                         }));
}

void Pool::on_timer(const WorkerPtr& worker) {
  worker->timer_at = Worker::Steady::max();
  auto now = std::chrono::steady_clock::now();
  if (worker->state == Worker::State::starting && now >= worker->spawned + init_time_max)
    return end_worker(worker, Ending::init_timed_out);
  if (worker->state != Worker::State::running) return;
  if (now >= worker->deadline) return end_worker(worker, Ending::timed_out);
  arm(worker, worker->deadline);
}

void Pool::read_output(const WorkerPtr& worker) {
  if (worker->state == Worker::State::ending) return;
  auto wait = [](Pool& pool, const WorkerPtr& from) {
    from->output.async_wait(
        boost::asio::posix::stream_descriptor::wait_read,
        pool_callback(pool.platform_.gate, pool.weak_from_this(), from, pool.mutex_,
                      [](Pool& again, const WorkerPtr& same, error_code ec) {
                        if (!ec) again.read_output(same);
                      }));
  };
  switch (drain_output(*worker, output_bytes_at_once)) {
    case Drained::ended:
      return;
    case Drained::empty:
      return wait(*this, worker);
    case Drained::more:
      break;
  }
  worker->output_pause.expires_after(output_pause);
  worker->output_pause.async_wait(
      pool_callback(platform_.gate, weak_from_this(), worker, mutex_,
                    [wait](Pool& pool, const WorkerPtr& from, error_code ec) {
                      if (!ec && from->state != Worker::State::ending) wait(pool, from);
                    }));
}

Pool::Drained Pool::drain_output(Worker& worker, std::size_t bytes_max) {
  if (!worker.output.is_open()) return Drained::ended;
  thread_local std::array<char, output_bytes_at_once> bytes;
  const std::string id = worker.job ? worker.request_id : std::string();
  auto sink = [&](std::string line) { print(worker, std::move(line), id); };
  for (std::size_t total = 0; total < bytes_max;) {
    auto count = ::read(worker.output.native_handle(), bytes.data(), bytes.size());
    if (count == 0) return Drained::ended;
    if (count < 0) return errno == EAGAIN ? Drained::empty : Drained::ended;
    worker.log_cutter.add({bytes.data(), static_cast<std::size_t>(count)}, sink);
    total += static_cast<std::size_t>(count);
  }
  return Drained::more;
}

void Pool::on_exit(const WorkerPtr& worker, bool waited) {
  if (worker->state == Worker::State::ending) return;
  bool expects_word =
      worker->state == Worker::State::running || worker->state == Worker::State::starting;
  if (expects_word && !waited) {
    worker->timer_at = Worker::Steady::min();
    worker->timer.expires_after(last_words);
    worker->timer.async_wait(pool_callback(
        platform_.gate, weak_from_this(), worker, mutex_,
        [](Pool& pool, const WorkerPtr& from, error_code) { pool.on_exit(from, true); }));
    return;
  }
  end_worker(worker,
             worker->state == Worker::State::starting ? Ending::init_failed : Ending::exited);
}

void Pool::look_after(const std::vector<ProcessInfo>* all) {
  std::lock_guard lock(mutex_);
  auto now = platform_.clock.steady();
  start_workers(Patience::none);
  auto workers = workers_;
  for (const auto& worker : workers) {
    if (!worker->has_process || worker->state == Worker::State::ending) continue;
    auto leader_bytes = resident_bytes_of(worker->process.pid);
    if (all) {
      worker->children_bytes = 0;
      for (const auto& info : tree_of(worker->process.pid, worker->mark, *all))
        if (info.pid != worker->process.pid) worker->children_bytes += info.resident_bytes;
    }
    auto bytes = leader_bytes + worker->children_bytes;
    worker->resident_bytes_max = std::max(worker->resident_bytes_max, bytes);
    if (bytes > std::uint64_t{spec_.memory_mib} << 20) {
      worker->over_memory = true;
      end_worker(worker,
                 worker->state == Worker::State::starting ? Ending::init_failed : Ending::exited);
    } else if (worker->state == Worker::State::ready && now - worker->idle_since > idle_time_max) {
      end_worker(worker, Ending::idle);
    }
  }
}

void Pool::list_leaders(std::set<pid_t>& leaders, std::set<std::string>& marks) const {
  std::lock_guard lock(mutex_);
  for (const auto& worker : workers_) {
    if (!worker->has_process) continue;
    leaders.insert(worker->process.pid);
    marks.insert(worker->mark);
  }
}

// --- ending ---

void Pool::end_worker(const WorkerPtr& worker, Ending ending) {
  if (worker->state == Worker::State::ending) return;
  worker->state = Worker::State::ending;
  std::erase(idle_, worker);
  worker->waiting.reset();
  platform_.keeper.add([weak = weak_from_this(), worker, ending] {
    if (auto pool = weak.lock()) pool->bury(worker, ending);
  });
}

void Pool::bury(const WorkerPtr& worker, Ending ending) {
  // It may have asked for its end before its start was finished, and that may have failed.
  if (!worker->has_process) return;
  auto how = worker->over_memory ? std::string("signal: killed") : ending_of(worker->process);
  bool is_gone = kill_tree(worker->process.pid, worker->mark);
  worker->api.reset();
  if (is_gone) reap(worker->process);
  std::error_code ignored;
  std::filesystem::remove_all(worker->temporary_folder, ignored);

  std::lock_guard lock(mutex_);
  drain_output(*worker, 1u << 20);
  error_code closed;
  worker->output.close(closed);
  worker->exit.close(closed);
  worker->timer.cancel();
  worker->output_pause.cancel();
  std::erase(workers_, worker);
  report_ending(*worker, ending, how);
  start_workers(Patience::some);
}

void Pool::report_ending(Worker& worker, Ending ending, const std::string& how) {
  if (worker.over_memory)
    print(worker,
          "the worker was ended: its processes took more than its " +
              std::to_string(spec_.memory_mib) + " MB of memory",
          worker.job ? worker.request_id : "");
  switch (ending) {
    case Ending::idle:
      return;
    case Ending::init_failed:
    case Ending::init_timed_out:
      return report_init_error(worker, ending, how);
    case Ending::timed_out: {
      if (!worker.job) return;
      record_->counts.with([](auto& counts) { ++counts.timeouts; });
      auto text = "Task timed out after " + seconds_text(spec_.timeout);
      print(worker, worker.request_id + " " + text, worker.request_id);
      auto payload = platform_error("Sandbox.Timedout", worker.request_id, text);
      count_error(payload);
      return finish(worker, InvokeResult::Outcome::function_error, std::move(payload), "timeout",
                    "Sandbox.Timedout");
    }
    case Ending::exited: {
      record_->counts.with([](auto& counts) { ++counts.crashes; });
      auto text = exit_text(how);
      std::string_view type = "Runtime.ExitError";
      if (worker.over_memory) {
        type = "Runtime.OutOfMemory";
        text += ": out of memory, the limit is " + std::to_string(spec_.memory_mib) + " MB";
      }
      if (!worker.job) return print(worker, text, "");
      print(worker, "RequestId: " + worker.request_id + " Error: " + text, worker.request_id);
      auto payload = platform_error(type, worker.request_id, text);
      count_error(payload);
      return finish(worker, InvokeResult::Outcome::function_error, std::move(payload), "error",
                    type);
    }
  }
}

void Pool::report_init_error(Worker& worker, Ending ending, const std::string& how) {
  worker.log_cutter.finish([&](std::string line) { print(worker, std::move(line), ""); });
  retry_delay_ = std::clamp(retry_delay_ * 2, retry_delay_min, retry_delay_max);
  start_not_before_ = platform_.clock.steady() + retry_delay_;
  record_->counts.with([](auto& counts) { ++counts.crashes; });

  // While others live, only the one this worker was started for fails; else nobody can be served.
  auto failing = workers_.empty() ? queue_.size() : std::min<std::size_t>(1, queue_.size());
  for (; failing > 0; --failing) {
    auto job = std::move(queue_.front());
    queue_.pop_front();
    const auto& id = job.invocation.request_id;
    InvokeResult result;
    result.outcome = InvokeResult::Outcome::function_error;
    if (!worker.init_error.empty()) {
      result.payload = worker.init_error;
    } else if (ending == Ending::init_timed_out) {
      result.payload = platform_error("Sandbox.Timedout", id,
                                      "Init phase timed out after " + seconds_text(init_time_max));
    } else if (worker.over_memory) {
      result.payload = platform_error("Runtime.OutOfMemory", id,
                                      exit_text(how) + ": out of memory, the limit is " +
                                          std::to_string(spec_.memory_mib) + " MB");
    } else {
      result.payload = platform_error("Runtime.ExitError", id, exit_text(how));
    }
    result.log_tail = tail_of(worker.log_tail, 4096);
    count_error(result.payload);
    record_->counts.with([](auto& counts) {
      ++counts.invocations;
      ++counts.errors;
    });
    complete(std::move(job), std::move(result));
  }
}

std::vector<Job> Pool::shut_down() {
  std::vector<Job> unanswered;
  for (const auto& worker : workers_) {
    worker->api.reset();
    if (worker->has_process && kill_tree(worker->process.pid, worker->mark)) reap(worker->process);
    std::error_code ignored;
    if (!worker->temporary_folder.empty())
      std::filesystem::remove_all(worker->temporary_folder, ignored);
    if (worker->job) unanswered.push_back(std::move(*worker->job));
  }
  for (auto& job : queue_) unanswered.push_back(std::move(job));
  workers_.clear();
  idle_.clear();
  queue_.clear();
  return unanswered;
}

}  // namespace tailrace::function
