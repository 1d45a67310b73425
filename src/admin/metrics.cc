#include "admin/metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <functional>

#include "admin/metrics_text.h"
#include "admin/routes.h"

namespace tailrace::admin {
namespace {

constexpr capture::TaskState task_states[] = {
    capture::TaskState::stopped, capture::TaskState::starting, capture::TaskState::loading,
    capture::TaskState::running, capture::TaskState::retrying, capture::TaskState::failed,
    capture::TaskState::finished};

double as_double(std::uint64_t value) { return static_cast<double>(value); }
double seconds(std::uint64_t micros) { return as_double(micros) / 1e6; }

void append_tasks(MetricsText& text, const std::vector<capture::TaskStatus>& tasks) {
  auto samples = [&](const std::function<double(const capture::TaskStatus&)>& value) {
    for (const auto& task : tasks) text.sample({{"task", task.spec.name}}, value(task));
  };
  text.gauge("tailrace_task_state", "1 for the state that the task is in.");
  for (const auto& task : tasks)
    for (capture::TaskState state : task_states)
      text.sample({{"task", task.spec.name}, {"state", capture::name_of(state)}},
                  task.state == state ? 1 : 0);
  text.counter("tailrace_task_transactions_total", "Transactions captured since the start.");
  samples([](const auto& task) { return as_double(task.transactions); });
  text.counter("tailrace_task_changes_total", "Row changes captured since the start.");
  samples([](const auto& task) { return as_double(task.changes); });
  text.counter("tailrace_task_received_bytes_total",
               "Bytes of changes received from the source since the start.");
  samples([](const auto& task) { return as_double(task.bytes); });
  text.counter("tailrace_task_loaded_rows_total", "Rows that the first load has read.");
  samples([](const auto& task) {
    std::uint64_t rows = 0;
    for (const auto& table : task.tables) rows += table.loaded_rows;
    return as_double(rows);
  });
  text.counter("tailrace_task_reconnects_total", "Times the source was connected to again.");
  samples([](const auto& task) { return as_double(task.reconnects); });
  text.gauge("tailrace_task_lag_seconds",
             "Age of the newest durable commit while the task is behind, else 0.");
  samples([](const auto& task) { return task.lag_seconds; });
  text.gauge("tailrace_task_retained_wal_bytes", "WAL that the task's slot holds on the source.");
  samples([](const auto& task) { return as_double(task.retained_bytes); });
  text.gauge("tailrace_task_kept_aside_bytes",
             "Changes that wait on disk for the first load to end.");
  samples([](const auto& task) { return as_double(task.kept_aside_bytes); });
  text.gauge("tailrace_task_tables_in_error", "Tables that are not captured because of an error.");
  samples([](const auto& task) {
    return static_cast<double>(
        std::ranges::count(task.tables, capture::TableState::error, &capture::TableStatus::state));
  });
}

void append_streams(MetricsText& text,
                    const std::vector<std::shared_ptr<stream::Stream>>& streams) {
  struct Sampled {
    std::string name;
    log::StreamLog::Statistics statistics;
    double first_to_end = 0, open_shards = 0, closed_shards = 0, fenced = 0, damaged_bytes = 0;
  };
  std::vector<Sampled> all;
  for (const auto& stream : streams) {
    log::StreamLog& log = stream->log();
    Sampled sampled{stream->spec()->name, log.statistics()};
    for (const auto& shard : stream->shards()) {
      sampled.first_to_end +=
          as_double(stream->latest(shard.number)) - as_double(log.first_offset(shard.number));
      ++(shard.is_open() ? sampled.open_shards : sampled.closed_shards);
    }
    sampled.fenced = log.fenced() ? 1 : 0;
    for (const auto& damage : log.damage()) sampled.damaged_bytes += as_double(damage.bytes);
    all.push_back(std::move(sampled));
  }
  auto samples = [&](const std::function<double(const Sampled&)>& value) {
    for (const Sampled& stream : all) text.sample({{"stream", stream.name}}, value(stream));
  };

  text.gauge("tailrace_stream_records", "Records kept, over all shards.");
  samples([](const Sampled& stream) { return stream.first_to_end; });
  text.gauge("tailrace_stream_shards",
             "Shards: open, and closed by a split or a merge until they expire.");
  for (const Sampled& stream : all) {
    text.sample({{"stream", stream.name}, {"state", "open"}}, stream.open_shards);
    text.sample({{"stream", stream.name}, {"state", "closed"}}, stream.closed_shards);
  }
  text.gauge("tailrace_stream_bytes", "Bytes of the stream's segment files.");
  samples([](const Sampled& stream) { return as_double(stream.statistics.bytes); });
  text.gauge("tailrace_stream_segments", "Segment files.");
  samples([](const Sampled& stream) { return as_double(stream.statistics.segments); });
  text.counter("tailrace_stream_appended_records_total", "Records appended since the start.");
  samples([](const Sampled& stream) { return as_double(stream.statistics.records); });
  text.counter("tailrace_stream_groups_total", "Groups written since the start.");
  samples([](const Sampled& stream) { return as_double(stream.statistics.groups); });
  text.counter("tailrace_stream_syncs_total", "Times the log was synced to disk since the start.");
  samples([](const Sampled& stream) { return as_double(stream.statistics.syncs); });
  text.counter("tailrace_stream_write_seconds_total", "Time spent writing groups.");
  samples([](const Sampled& stream) { return seconds(stream.statistics.write_micros); });
  text.counter("tailrace_stream_sync_seconds_total", "Time spent waiting for the disk's sync.");
  samples([](const Sampled& stream) { return seconds(stream.statistics.sync_micros); });
  text.gauge("tailrace_stream_pending_bytes", "Bytes appended and not yet durable.");
  samples([](const Sampled& stream) { return as_double(stream.statistics.pending_bytes); });
  text.gauge("tailrace_stream_fenced",
             "1 when a write or sync has failed and the stream takes nothing until a restart.");
  samples([](const Sampled& stream) { return stream.fenced; });
  text.gauge("tailrace_stream_damaged_bytes", "Bytes that cannot be read because of damage.");
  samples([](const Sampled& stream) { return stream.damaged_bytes; });
}

void append_functions(MetricsText& text,
                      const std::vector<function::Functions::Status>& functions) {
  using Status = function::Functions::Status;
  auto samples = [&](const std::function<double(const Status&)>& value) {
    for (const Status& function : functions)
      text.sample({{"function", function.spec.name}}, value(function));
  };
  text.counter("tailrace_function_invocations_total", "Invocations, failed ones too.");
  samples([](const Status& function) { return as_double(function.invocations); });
  text.counter("tailrace_function_errors_total", "Invocations that ended with an error.");
  samples([](const Status& function) { return as_double(function.errors); });
  text.counter("tailrace_function_timeouts_total", "Invocations that took too long.");
  samples([](const Status& function) { return as_double(function.timeouts); });
  text.counter("tailrace_function_crashes_total", "Workers that ended in an invocation.");
  samples([](const Status& function) { return as_double(function.crashes); });
  text.counter("tailrace_function_cold_starts_total", "Workers started.");
  samples([](const Status& function) { return as_double(function.cold_starts); });
  text.counter("tailrace_function_throttles_total",
               "Invocations refused since every worker was busy.");
  samples([](const Status& function) { return as_double(function.throttles); });
  text.counter("tailrace_function_duration_seconds_total", "Time spent in invocations.");
  samples([](const Status& function) { return seconds(function.duration_micros); });
  text.gauge("tailrace_function_workers", "Worker processes.");
  samples([](const Status& function) { return function.workers; });
  text.gauge("tailrace_function_workers_busy", "Worker processes that have an invocation.");
  samples([](const Status& function) { return function.busy; });
}

void append_triggers(MetricsText& text, const std::vector<delivery::Deliveries::Status>& triggers) {
  using Status = delivery::Deliveries::Status;
  auto samples = [&](const std::function<double(const Status&)>& value) {
    for (const Status& trigger : triggers)
      text.sample({{"trigger", trigger.spec.name}}, value(trigger));
  };
  text.counter("tailrace_trigger_records_total", "Records that the function took.");
  samples([](const Status& trigger) { return as_double(trigger.records); });
  text.counter("tailrace_trigger_batches_total", "Batches that the function took.");
  samples([](const Status& trigger) { return as_double(trigger.batches); });
  text.counter("tailrace_trigger_failures_total", "Attempts that the function failed.");
  samples([](const Status& trigger) { return as_double(trigger.failures); });
  text.gauge("tailrace_trigger_parked", "Batches that were given up and wait for an operator.");
  samples([](const Status& trigger) { return as_double(trigger.parked); });
  text.counter("tailrace_trigger_retired_records_total",
               "Records that retention deleted before their turn.");
  samples([](const Status& trigger) { return as_double(trigger.retired); });
  text.gauge("tailrace_trigger_pending_records", "Records not yet handled, over all shards.");
  samples([](const Status& trigger) {
    double pending = 0;
    for (const auto& cursor : trigger.cursors)
      if (cursor.end > cursor.next) pending += as_double(cursor.end - cursor.next);
    return pending;
  });
  text.gauge("tailrace_trigger_lag_seconds",
             "Age of the oldest record not yet handled, of the shard that is furthest behind.");
  samples([](const Status& trigger) {
    std::int64_t lag_ms = 0;
    for (const auto& cursor : trigger.cursors) lag_ms = std::max(lag_ms, cursor.lag_ms);
    return static_cast<double>(lag_ms) / 1000.0;
  });
}

// The second number of statm.
double resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  unsigned long pages = 0;
  if (std::fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
  std::fclose(file);
  return static_cast<double>(pages) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double open_files() {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  int entries = 0;
  while (::readdir(folder) != nullptr) ++entries;
  ::closedir(folder);
  return entries - 3;  // ".", ".." and the listing's own
}

void append_process(MetricsText& text, const Parts::About& about) {
  text.gauge("tailrace_build_info", "1; the version is in the label.");
  text.sample({{"version", about.version}}, 1);
  text.gauge("tailrace_process_start_time_seconds", "When the server started, since 1970.");
  text.sample({}, static_cast<double>(about.started.time_since_epoch().count()) / 1e6);
  text.gauge("tailrace_process_resident_memory_bytes", "Memory that is in RAM.");
  text.sample({}, resident_bytes());

  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto seconds_of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  text.counter("tailrace_process_cpu_seconds_total", "User and system CPU time.");
  text.sample({}, seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));

  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  text.gauge("tailrace_process_open_fds", "Open files and sockets.");
  text.sample({}, open_files());
  text.gauge("tailrace_process_max_fds", "How many may be open.");
  text.sample({}, static_cast<double>(limit.rlim_cur));
}

void append_readiness(MetricsText& text, const std::vector<Parts::Check>& checks) {
  text.gauge("tailrace_ready", "1 when /readyz answers 200.");
  text.sample({}, std::ranges::all_of(checks, &Parts::Check::ok) ? 1 : 0);
}

}  // namespace

std::string metrics_text(Parts& parts) {
  MetricsText text;
  append_tasks(text, parts.tasks());
  append_streams(text, parts.streams().all());
  append_functions(text, parts.functions().status());
  append_triggers(text, parts.deliveries().status());
  append_readiness(text, parts.readiness());
  append_process(text, parts.about());
  return text.take();
}

void add_metrics_routes(Router& router, Parts& parts) {
  router.add("GET", "/metrics", [&parts](const Call& call) {
    http::Response response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = metrics_text(parts);
    call.responder->send(std::move(response));
  });
}

}  // namespace tailrace::admin
