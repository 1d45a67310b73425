#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "function/function_log.h"
#include "function/functions.h"
#include "function/launch.h"
#include "function/platform.h"
#include "function/process_tree.h"
#include "function/worker.h"

namespace tailrace::function {

// What is known of a function over all its versions.
struct FunctionRecord {
  struct Counts {
    std::uint64_t invocations = 0, errors = 0, timeouts = 0, crashes = 0, cold_starts = 0,
                  throttles = 0, duration_micros = 0;
    std::string last_error;
  };
  FunctionLog log;
  Guarded<Counts> counts;
};

// The workers of one version of a function, and the invocations that wait for one.
//
// Everything below the public functions runs under one lock, which is held only for bookkeeping:
// processes are started and killed on the keeper's thread, callers are answered through
// Completions. Callbacks of the event loop hold the pool weakly and pass the platform's gate.
class Pool : public std::enable_shared_from_this<Pool> {
 public:
  Pool(Platform& platform, FunctionSpec spec, Launch launch,
       std::shared_ptr<FunctionRecord> record);

  const FunctionSpec& spec() const { return spec_; }

  // False when the pool was retired: the job is left to the caller.
  bool invoke(Job& job);
  // No worker takes a new event, idle ones end. Gives back what was waiting.
  std::deque<Job> retire();
  bool is_empty() const;
  struct Load {
    std::uint32_t workers = 0, busy = 0;
  };
  Load load() const;

  // On the keeper's thread. `all` is null when only the leaders are to be looked at.
  void look_after(const std::vector<ProcessInfo>* all);
  void list_leaders(std::set<pid_t>& leaders, std::set<std::string>& marks) const;

  // After the gate and the keeper: kills everything and returns the jobs that had no answer.
  std::vector<Job> shut_down();

 private:
  using WorkerPtr = std::shared_ptr<Worker>;
  enum class Ending { idle, timed_out, exited, init_timed_out, init_failed };
  enum class Drained { empty, more, ended };

  // Starting: on the keeper's thread.
  // With some patience events wait for workers that have answered and have yet to ask again.
  enum class Patience { some, none };
  void start_workers(Patience patience);
  void launch(const WorkerPtr& worker);
  Result<void> launch_parts(const WorkerPtr& worker);
  void listen_to(const WorkerPtr& worker);

  // The Runtime API. Under the lock.
  void answer(const WorkerPtr& worker, http::Request request,
              std::shared_ptr<http::Responder> responder);
  void next(const WorkerPtr& worker, std::shared_ptr<http::Responder> responder);
  void respond(const WorkerPtr& worker, const std::string& id, std::string_view action,
               http::Request request, http::Responder& responder);
  void fail_init(const WorkerPtr& worker, http::Request request, http::Responder& responder);
  void refuse_oversize(const WorkerPtr& worker, http::Request request,
                       std::shared_ptr<http::Responder> responder);

  void hand_out(const WorkerPtr& worker, Job job);
  void send_event(Worker& worker);
  void finish(Worker& worker, InvokeResult::Outcome outcome, std::string payload,
              std::string_view status, std::string_view error_type);

  void arm(const WorkerPtr& worker, Worker::Steady at);
  void on_timer(const WorkerPtr& worker);
  void read_output(const WorkerPtr& worker);
  Drained drain_output(Worker& worker, std::size_t bytes_max);
  void on_exit(const WorkerPtr& worker, bool waited);
  void end_worker(const WorkerPtr& worker, Ending ending);
  void bury(const WorkerPtr& worker, Ending ending);  // on the keeper's thread
  void report_ending(Worker& worker, Ending ending, const std::string& how);
  void report_init_error(Worker& worker, Ending ending, const std::string& how);

  void print(Worker& worker, std::string text, const std::string& request_id);
  void count_error(std::string_view payload);
  void complete(Job job, InvokeResult result);
  std::size_t count(Worker::State state) const;

  Platform& platform_;
  const FunctionSpec spec_;
  const Launch launch_;
  const std::shared_ptr<FunctionRecord> record_;
  const std::size_t queue_max_;

  mutable std::mutex mutex_;
  std::vector<WorkerPtr> workers_;
  std::vector<WorkerPtr> idle_;  // the most recently used last
  std::deque<Job> queue_;
  bool retired_ = false;
  // After a failed init the next start waits, ever longer.
  boost::asio::steady_timer retry_timer_;
  Worker::Steady start_not_before_{};
  std::chrono::milliseconds retry_delay_{0};
  bool retry_armed_ = false;
};

}  // namespace tailrace::function
