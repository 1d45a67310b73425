#include "server/running_parts.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <set>
#include <thread>
#include <utility>

#include "server/readiness.h"

namespace tailrace::server {

Result<std::unique_ptr<RunningParts>> RunningParts::make(boost::asio::io_context& io,
                                                         Directory& data, catalog::Catalog& catalog,
                                                         Declared& declared, const Account& account,
                                                         Clock& clock) {
  std::unique_ptr<RunningParts> parts(
      new RunningParts(io, data, catalog, declared, account, clock));

  auto functions = function::Functions::make(io, account, data.path() + "/functions", clock);
  if (!functions) return std::move(functions).error().during("prepare functions");
  parts->functions_ = std::move(*functions);

  parts->invoker_ = std::make_unique<FunctionInvoker>(
      io, *parts->functions_,
      [self = parts.get()](const std::string& name) { return self->why_no_function(name); });

  delivery::Deliveries::Options options;
  options.file = data.path() + "/delivery.sqlite";
  options.account = account;
  auto deliveries =
      delivery::Deliveries::make(io, std::move(options), parts->streams_, *parts->invoker_, clock);
  if (!deliveries) return std::move(deliveries).error().during("prepare deliveries");
  parts->deliveries_ = std::move(*deliveries);
  return parts;
}

RunningParts::RunningParts(boost::asio::io_context& io, Directory& data, catalog::Catalog& catalog,
                           Declared& declared, const Account& account, Clock& clock)
    : io_(io),
      data_(data),
      catalog_(catalog),
      declared_(declared),
      clock_(clock),
      started_(clock.now()),
      about_(About{TAILRACE_VERSION, started_, data.path(), {}, {}}),
      streams_(data, clock,
               [&io](std::function<void()> call) { boost::asio::post(io, std::move(call)); }),
      stream_operations_(catalog, streams_, clock, account.id) {}

RunningParts::~RunningParts() { stop_tasks(); }

Result<void> RunningParts::follow_catalog() {
  std::lock_guard one_at_a_time(following_);
  if (auto followed = follow_streams(); !followed) return followed;
  if (auto followed = follow_functions(); !followed) return followed;
  if (auto followed = follow_triggers(); !followed) return followed;
  if (auto followed = follow_tasks(); !followed) return followed;
  followed_.with([](bool& followed) { followed = true; });
  return {};
}

Result<void> RunningParts::follow_streams() {
  auto followed = stream_operations_.follow_catalog();
  if (!followed) return std::move(followed).error();
  for (const auto& stream : followed->opened) {
    std::string name = stream->spec()->name;
    for (const std::string& note : stream->log().recovery_notes())
      spdlog::warn("stream {}: {}", name, note);
    for (const auto& damage : stream->log().damage())
      spdlog::warn("stream {}: damage in {} at {}, {} bytes: {}", name, damage.segment,
                   damage.file_position, damage.bytes, damage.what);
  }
  for (const std::string& name : followed->waiting_for_restart)
    spdlog::warn("stream {}: its new sync applies from the next start on", name);
  std::vector<Broken<stream::StreamSpec>> broken;
  for (auto& stream : followed->broken) {
    spdlog::error("stream {}: {}", stream.spec.name, stream.error.message);
    broken.push_back({std::move(stream.spec), std::move(stream.error)});
  }
  broken_.with([&](AllBroken& all) { all.streams = std::move(broken); });
  return {};
}

Result<void> RunningParts::follow_functions() {
  auto entries = catalog_.functions();
  if (!entries) return std::move(entries).error();
  std::vector<Broken<function::FunctionSpec>> broken;
  std::set<std::string> wanted;
  for (const auto& entry : *entries) {
    wanted.insert(entry.spec.name);
    // Also when its settings are the same: its code may have changed.
    auto put = functions_->put(entry.spec);
    if (put) continue;
    spdlog::error("{}", put.error().message);
    broken.push_back({entry.spec, put.error()});
  }
  for (const auto& running : functions_->status()) {
    if (wanted.contains(running.spec.name)) continue;
    if (auto removed = functions_->remove(running.spec.name); !removed)
      spdlog::error("function {}: {}", running.spec.name, removed.error().message);
  }
  broken_.with([&](AllBroken& all) { all.functions = std::move(broken); });
  return {};
}

Result<void> RunningParts::follow_triggers() {
  auto entries = catalog_.triggers();
  if (!entries) return std::move(entries).error();
  std::map<std::string, delivery::Deliveries::Status> running;
  for (auto& status : deliveries_->status()) running.emplace(status.spec.id, status);

  std::vector<Broken<delivery::TriggerSpec>> broken;
  for (const auto& entry : *entries) {
    auto known = running.extract(entry.spec.id);
    if (known && known.mapped().spec == entry.spec && known.mapped().error.empty()) continue;
    auto put = deliveries_->put(entry.spec);
    if (put) continue;
    spdlog::error("{}", put.error().message);
    broken.push_back({entry.spec, put.error()});
  }
  for (const auto& [id, status] : running)
    if (auto removed = deliveries_->remove(id); !removed)
      spdlog::error("trigger {}: {}", status.spec.name, removed.error().message);
  broken_.with([&](AllBroken& all) { all.triggers = std::move(broken); });
  return {};
}

Result<void> RunningParts::follow_tasks() {
  auto entries = catalog_.tasks();
  if (!entries) return std::move(entries).error();
  std::map<std::string, capture::TaskSpec> wanted;
  for (auto& entry : *entries) wanted.emplace(entry.spec.name, std::move(entry.spec));

  std::vector<RunningTask> gone;
  tasks_.with([&](Tasks& tasks) {
    for (auto at = tasks.begin(); at != tasks.end();) {
      auto found = wanted.find(at->first);
      if (found != wanted.end() && found->second == at->second.spec) {
        wanted.erase(found);
        ++at;
        continue;
      }
      gone.push_back(std::move(at->second));
      at = tasks.erase(at);
    }
  });
  for (RunningTask& task : gone) {
    task.task->stop();
    auto again = wanted.find(task.spec.name);
    if (again == wanted.end() || again->second.slot != task.spec.slot ||
        again->second.source != task.spec.source)
      spdlog::warn(
          "task {}: stopped; its slot {} still holds WAL on the source: "
          "SELECT pg_drop_replication_slot('{}') when it is no longer wanted",
          task.spec.name, task.spec.slot, task.spec.slot);
    task.task.reset();
  }

  std::vector<Broken<capture::TaskSpec>> broken;
  for (const auto& [name, spec] : wanted) {
    auto started = start_task(spec);
    if (started) continue;
    spdlog::error("task {}: {}", name, started.error().message);
    broken.push_back({spec, started.error()});
  }
  broken_.with([&](AllBroken& all) { all.tasks = std::move(broken); });
  return {};
}

Result<void> RunningParts::start_task(const capture::TaskSpec& spec) {
  auto stream = streams_.find(spec.stream);
  if (!stream) return Error{Fault::not_found, "its stream " + spec.stream + " is not open"};
  auto all = data_.subdirectory("tasks");
  if (!all) return std::move(all).error();
  auto own = (*all)->subdirectory(spec.name);
  if (!own) return std::move(own).error();
  std::shared_ptr<capture::Task> task =
      capture::Task::make(spec, std::move(stream), std::move(*own), clock_);
  task->start();
  tasks_.with([&](Tasks& tasks) { tasks[spec.name] = {spec, std::move(task)}; });
  return {};
}

void RunningParts::stop_tasks() {
  std::lock_guard one_at_a_time(following_);
  std::vector<std::jthread> stopping;  // together: each waits for its source and its disk
  for (auto& [name, task] : tasks_.with([](const Tasks& tasks) { return tasks; }))
    stopping.emplace_back([task = task.task] { task->stop(); });
}

void RunningParts::doors_opened(std::string admin, std::string aws) {
  about_.with([&](About& about) {
    about.admin = std::move(admin);
    about.aws = std::move(aws);
  });
}

admin::Parts::About RunningParts::about() {
  return about_.with([](const About& about) { return about; });
}

std::vector<capture::TaskStatus> RunningParts::tasks() {
  auto running = tasks_.with([](const Tasks& tasks) { return tasks; });
  std::vector<capture::TaskStatus> all;
  for (const auto& [name, task] : running) all.push_back(task.task->status());
  for (auto& broken : broken_.with([](const AllBroken& broken) { return broken.tasks; })) {
    capture::TaskStatus status;
    status.spec = std::move(broken.spec);
    status.state = capture::TaskState::failed;
    status.error = std::move(broken.error);
    all.push_back(std::move(status));
  }
  return all;
}

std::shared_ptr<capture::Task> RunningParts::find_task(const std::string& name) {
  return tasks_.with([&](const Tasks& tasks) -> std::shared_ptr<capture::Task> {
    auto found = tasks.find(name);
    return found == tasks.end() ? nullptr : found->second.task;
  });
}

Result<std::vector<std::string>> RunningParts::reload() {
  auto done = [this] {
    std::lock_guard one_at_a_time(following_);
    return declared_.read_again();
  }();
  if (!done) return done;
  if (auto followed = follow_catalog(); !followed) return std::move(followed).error();
  return done;
}

std::vector<admin::Parts::Broken<stream::StreamSpec>> RunningParts::broken_streams() {
  return broken_.with([](const AllBroken& broken) { return broken.streams; });
}

std::vector<admin::Parts::Broken<function::FunctionSpec>> RunningParts::broken_functions() {
  return broken_.with([](const AllBroken& broken) { return broken.functions; });
}

std::vector<admin::Parts::Broken<delivery::TriggerSpec>> RunningParts::broken_triggers() {
  return broken_.with([](const AllBroken& broken) { return broken.triggers; });
}

std::optional<Error> RunningParts::why_no_function(const std::string& name) {
  for (auto& broken : broken_functions())
    if (broken.spec.name == name) return std::move(broken.error);
  return std::nullopt;
}

std::vector<admin::Parts::Check> RunningParts::readiness() {
  bool followed = followed_.with([](bool value) { return value; });
  return readiness_of(*this, followed);
}

}  // namespace tailrace::server
