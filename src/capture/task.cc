#include "capture/task.h"

#include <fmt/format.h>
#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <random>
#include <thread>

#include "capture/aside.h"
#include "capture/progress.h"
#include "capture/session.h"
#include "pg/catalog_queries.h"
#include "rules/mappings.h"

namespace tailrace::capture {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds retry_delay_min{200};
constexpr milliseconds retry_delay_max{30000};

// What is worth another try by itself; for the rest a person has to do something first.
bool is_passing(Fault fault) {
  switch (fault) {
    case Fault::unavailable:
    case Fault::timeout:
    case Fault::full:
    case Fault::internal:
      return true;
    case Fault::invalid:
    case Fault::not_found:
    case Fault::conflict:
    case Fault::denied:
    case Fault::corrupt:
    case Fault::fenced:
    case Fault::gap:
      return false;
  }
  __builtin_unreachable();
}

class PostgresTask final : public Task {
 public:
  PostgresTask(TaskSpec spec, std::shared_ptr<stream::Stream> stream,
               std::unique_ptr<Directory> folder, Clock& clock)
      : spec_(std::move(spec)),
        stream_(std::move(stream)),
        folder_(std::move(folder)),
        clock_(clock) {}

  ~PostgresTask() override { stop(); }

  void start() override {
    std::lock_guard only_one(control_);
    bool running = thread_.joinable() && !ended_;
    if (running) return;
    if (thread_.joinable()) thread_.join();
    stop_ = false;
    ended_ = false;
    set_state(TaskState::starting, std::nullopt);
    thread_ = std::thread([this] {
      pthread_setname_np(pthread_self(), "capture");
      run();
      ended_ = true;
      vitals_.changed.notify_all();
    });
  }

  void stop() override {
    std::lock_guard only_one(control_);
    stop_locked();
    bool failed = vitals_.status.with(
        [](const TaskStatus& status) { return status.state == TaskState::failed; });
    if (failed) set_state(TaskState::stopped, std::nullopt);
  }

  TaskStatus status() const override {
    TaskStatus status = vitals_.status.with([](const TaskStatus& now) { return now; });
    status.spec = spec_;
    status.tables = vitals_.board.status();
    return status;
  }

  Result<void> wait_durable(Lsn lsn, milliseconds patience) override {
    ++vitals_.waiters;
    std::unique_lock lock(vitals_.mutex);
    auto deadline = std::chrono::steady_clock::now() + patience;
    bool reached = vitals_.changed.wait_until(
        lock, deadline, [&] { return vitals_.stream_durable.load() >= lsn.value || !is_active(); });
    --vitals_.waiters;
    if (vitals_.stream_durable.load() >= lsn.value) return {};
    if (reached)
      return Error{Fault::conflict,
                   "task " + spec_.name + " is not running; see 'tailrace status'"};
    return Error{Fault::timeout, "task " + spec_.name + " has not reached " + to_string(lsn) +
                                     " yet; it is at " +
                                     to_string(Lsn{vitals_.stream_durable.load()})};
  }

  Result<void> reload() override {
    std::lock_guard only_one(control_);
    stop_locked();
    if (auto dropped = drop_slot(); !dropped) return dropped;
    auto progress = read_progress(stream_->log(), spec_.name);
    if (!progress) return std::move(progress).error();
    stream::Batch batch = stream_->begin_batch();
    mark_forgotten(batch, spec_.name, *progress);
    auto appended = stream_->append(batch, milliseconds(10000));
    if (!appended) return std::move(appended).error();
    if (auto synced = stream_->log().wait_synced(appended->ticket, milliseconds(10000)); !synced)
      return synced;
    vitals_.stream_durable = 0;
    return Aside::remove(*folder_);
  }

 private:
  bool is_active() const {
    return vitals_.status.with([](const TaskStatus& status) {
      return status.state != TaskState::stopped && status.state != TaskState::failed &&
             status.state != TaskState::finished;
    });
  }

  void set_state(TaskState state, std::optional<Error> error) {
    vitals_.status.with([&](TaskStatus& status) {
      status.state = state;
      status.error = std::move(error);
    });
    { std::lock_guard lock(vitals_.mutex); }
    vitals_.changed.notify_all();
  }

  void stop_locked() {
    {
      std::lock_guard lock(sleep_);
      stop_ = true;
    }
    session_.with([](Session* session) {
      if (session) session->stop();
    });
    sleeping_.notify_all();
    if (thread_.joinable()) thread_.join();
    if (is_active()) set_state(TaskState::stopped, std::nullopt);
  }

  void run() {
    auto mappings = rules::Mappings::parse(spec_.table_mappings);
    if (!mappings)
      return set_state(TaskState::failed, std::move(mappings).error().during("table mappings"));
    milliseconds delay = retry_delay_min;
    std::optional<Fault> last_fault;
    std::mt19937 random(std::random_device{}());
    while (!stop_) {
      bool flowed = false;
      Result<void> result = one_session(*mappings, flowed);
      if (stop_) return;
      if (result) return set_state(TaskState::finished, std::nullopt);
      Error error = std::move(result).error();
      if (!is_passing(error.fault)) {
        spdlog::error("task={} failed: {}", spec_.name, error.message);
        return set_state(TaskState::failed, std::move(error));
      }
      // With too little room for an open transaction the server sends all of it in vain each time.
      bool full_again = error.fault == Fault::full && last_fault == Fault::full;
      if (flowed && !full_again) delay = retry_delay_min;
      last_fault = error.fault;
      spdlog::warn("task={} tries again in {} ms: {}", spec_.name, delay.count(), error.message);
      if (auto wait = std::chrono::duration_cast<std::chrono::seconds>(delay); wait.count() > 0)
        error.message += fmt::format("; tried again every {} s", wait.count());
      vitals_.status.with([](TaskStatus& status) { ++status.reconnects; });
      set_state(TaskState::retrying, std::move(error));
      std::unique_lock lock(sleep_);
      // Spread out, so that many tasks of one server do not come back all at once.
      milliseconds jitter(
          std::uniform_int_distribution<int>(0, static_cast<int>(delay.count() / 2))(random));
      sleeping_.wait_for(lock, delay + jitter, [this] { return stop_.load(); });
      delay = std::min(delay * 2, retry_delay_max);
    }
  }

  Result<void> one_session(const rules::Mappings& mappings, bool& flowed) {
    Session session(spec_, mappings, *stream_, *folder_, clock_, vitals_);
    session_.with([&](auto& current) { current = &session; });
    if (stop_) session.stop();
    auto result = session.run();
    session_.with([](auto& current) { current = nullptr; });
    flowed = session.flowed();
    return result;
  }

  Result<void> drop_slot() {
    auto sql = pg::Connection::connect(
        {.uri = spec_.source, .application_name = "tailrace " + spec_.name});
    if (!sql) return std::move(sql).error();
    auto slot = pg::find_slot(**sql, spec_.slot);
    if (!slot) return std::move(slot).error();
    if (!*slot) return {};
    auto dropped = pg::drop_slot(**sql, spec_.slot);
    if (!dropped) return std::move(dropped).error().during("drop replication slot " + spec_.slot);
    return {};
  }

  TaskSpec spec_;
  std::shared_ptr<stream::Stream> stream_;
  std::unique_ptr<Directory> folder_;
  Clock& clock_;
  Vitals vitals_;
  std::mutex control_;
  Guarded<Session*> session_;
  std::mutex sleep_;
  std::condition_variable sleeping_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Task> Task::make(TaskSpec spec, std::shared_ptr<stream::Stream> stream,
                                 std::unique_ptr<Directory> folder, Clock& clock) {
  return std::make_unique<PostgresTask>(std::move(spec), std::move(stream), std::move(folder),
                                        clock);
}

}  // namespace tailrace::capture
