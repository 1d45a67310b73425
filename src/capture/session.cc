#include "capture/session.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "capture/continuity.h"

namespace tailrace::capture {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds marks_patience{30000};

}  // namespace

Session::Session(const TaskSpec& spec, const rules::Mappings& mappings, stream::Stream& stream,
                 Directory& folder, Clock& clock, Vitals& vitals)
    : spec_(spec),
      mappings_(mappings),
      stream_(stream),
      folder_(folder),
      clock_(clock),
      vitals_(vitals) {}

Session::~Session() {
  stop();
  if (load_thread_.joinable()) load_thread_.join();
}

Error Session::stopped() { return {Fault::unavailable, "the task was stopped"}; }

void Session::stop() {
  stop_ = true;
  waiting_on_.with([](pg::Connection* connection) {
    if (connection) connection->cancel();
  });
  stoppable_.with([](Loader* loader) {
    if (loader) loader->stop();
  });
  wakeable_.with([](pg::ReplicationStream* wire) {
    if (wire) wire->wake();
  });
}

void Session::set_state(TaskState state) {
  vitals_.status.with([&](TaskStatus& status) {
    status.state = state;
    if (state == TaskState::running || state == TaskState::loading) status.error.reset();
  });
}

void Session::say_it_waits(std::optional<Error> why) {
  vitals_.status.with([&](TaskStatus& status) { status.error = std::move(why); });
}

Result<std::unique_ptr<pg::Connection>> Session::open_connection(pg::Connection::Kind kind,
                                                                 const std::string& purpose) {
  return pg::Connection::connect({.uri = spec_.source,
                                  .application_name = "tailrace " + spec_.name + purpose,
                                  .kind = kind,
                                  .given_up = &stop_});
}

Result<void> Session::run() {
  if (auto connected = connect(); !connected) return connected;
  if (spec_.migration_type == MigrationType::full_load) return load_only();
  if (auto prepared = prepare_load(); !prepared) return prepared;
  if (auto started = start_streaming(); !started) return started;

  auto wake = [this] {
    if (wake_wanted_.exchange(false))
      wakeable_.with([](pg::ReplicationStream* wire) {
        if (wire) wire->wake();
      });
  };
  auto stream_wakes = stream_.log().subscribe(wake);
  std::optional<std::uint64_t> aside_wakes;
  log::StreamLog* aside_log = aside_ ? &aside_->log() : nullptr;
  if (aside_log) aside_wakes = aside_log->subscribe(wake);
  wakeable_.with([&](auto& wakeable) { wakeable = wire_.get(); });

  auto result = stream_changes();

  wakeable_.with([](auto& wakeable) { wakeable = nullptr; });
  stream_.log().unsubscribe(stream_wakes);
  if (aside_wakes && aside_) aside_log->unsubscribe(*aside_wakes);
  stop();
  if (load_thread_.joinable()) load_thread_.join();
  publish();
  return result;
}

Result<void> Session::connect() {
  auto sql = open_connection(pg::Connection::Kind::sql);
  if (!sql) return std::move(sql).error();
  sql_ = std::move(*sql);
  waiting_on_.with([&](auto& waiting) { waiting = sql_.get(); });
  auto looked = look_at_source();
  waiting_on_.with([](auto& waiting) { waiting = nullptr; });
  if (!looked) return looked;
  if (stop_) return stopped();
  auto progress = read_progress(stream_.log(), spec_.name);
  if (!progress) return std::move(progress).error();
  loads_ = progress->loads;
  source_ = {.task = spec_.name,
             .database = system_.database,
             .server_version = sql_->server_version_text(),
             .generation = {}};
  if (spec_.migration_type == MigrationType::full_load) return {};

  // First of all whether it is the source that it was: nothing is made on another one.
  if (progress->position) {
    stream_position_ = *progress->position;
    auto position = begin_position();
    if (!position) return std::move(position).error();
    position_ = *position;
    source_.generation = position_.generation;
  }
  waiting_on_.with([&](auto& waiting) { waiting = sql_.get(); });
  auto settled = settle_publication(*progress);
  waiting_on_.with([](auto& waiting) { waiting = nullptr; });
  if (!settled) return settled;
  if (stop_) return stopped();
  return progress->position ? Result<void>() : create_slot(*progress);
}

// All that is asked of the source before anything is made there.
Result<void> Session::look_at_source() {
  // What looks after the source must not hold up the reader when the server is stuck.
  if (auto set = sql_->query("SET statement_timeout = '10s'"); !set) return std::move(set).error();

  auto inspection = inspect(spec_, mappings_, *sql_);
  if (!inspection) return std::move(inspection).error().during("inspect the source");
  inspection_ = std::move(*inspection);
  std::vector<std::string> warnings, known;
  for (const Finding& finding : inspection_.findings)
    if (finding.level == Finding::Level::warning)
      warnings.push_back(finding.what + ": " + finding.cure);
  vitals_.status.with(
      [&](TaskStatus& status) { known = std::exchange(status.warnings, warnings); });
  // Once, and not at every reconnect.
  for (const auto& warning : warnings)
    if (std::find(known.begin(), known.end(), warning) == known.end())
      spdlog::warn("task={} {}", spec_.name, warning);
  std::set<std::uint32_t> wanted;
  for (const auto& table : inspection_.wanted) {
    wanted.insert(table.info.oid);
    if (!table.error.empty())
      vitals_.board.put(table.info.oid, table.info.schema, table.info.name, TableState::error,
                        table.error);
  }
  vitals_.board.keep_only(wanted);
  if (inspection_.obstacle) return *inspection_.obstacle;

  if (spec_.migration_type != MigrationType::full_load) {
    auto replication = open_connection(pg::Connection::Kind::replication);
    if (!replication) return std::move(replication).error().during("open a replication connection");
    replication_ = std::move(*replication);
    auto system = pg::identify_system(*replication_);
    if (!system) return std::move(system).error();
    system_ = *system;
  }
  return {};
}

Result<void> Session::settle_publication(const Progress& progress) {
  if (progress.position && !inspection_.publication)
    return gap(spec_, "publication " + spec_.publication + " is gone");
  if (auto forgotten = forget_uncovered_loads(); !forgotten) return forgotten;
  return ensure_publication(spec_, *sql_, inspection_);
}

// A loaded table that somebody took out of the publication has missed changes: it is loaded again.
// That is written down before the publication covers it again.
Result<void> Session::forget_uncovered_loads() {
  stream::Batch forgotten = stream_.begin_batch();
  bool any = false;
  for (const auto& [info, error] : inspection_.wanted) {
    if (!inspection_.publication || covers(*inspection_.publication, info)) continue;
    if (loads_.erase(info.oid) == 0) continue;
    any = true;
    mark_load_forgotten(forgotten, spec_.name, info.oid);
    spdlog::warn("task={} table={}.{} was taken out of publication {}, so it is loaded again",
                 spec_.name, info.schema, info.name, spec_.publication);
  }
  return any ? append_marks(forgotten) : Result<void>();
}

// Where an earlier run ended: in the stream, or further on in what it kept aside.
Result<Position> Session::begin_position() {
  Position position = stream_position_;
  auto exists = Aside::exists(folder_);
  if (!exists) return std::move(exists).error();
  if (*exists) {
    auto aside = Aside::open(folder_, stream_.spec()->incarnation, spec_.name, clock_);
    if (!aside) return std::move(aside).error();
    auto kept = (*aside)->position();
    if (!kept) return std::move(kept).error();
    // A promotion may have moved the timeline of one of them on.
    bool further = false;
    if (*kept) {
      Position compared = **kept;
      compared.generation.timeline = position.generation.timeline;
      further = compared.generation == position.generation && position < compared;
    }
    if (further) {
      position = **kept;
      aside_ = std::move(*aside);
    } else {
      // All of it is in the stream, or it belongs to a history that was given up.
      aside->reset();
      if (auto removed = Aside::remove(folder_); !removed) return std::move(removed).error();
    }
  }
  if (auto good = check_continuity(spec_, inspection_.slot, system_, *replication_, position);
      !good)
    return std::move(good).error();
  stream_position_.generation = position.generation;
  return position;
}

Result<void> Session::append_marks(stream::Batch& batch) {
  auto appended = stream_.append(batch, marks_patience);
  if (!appended) return std::move(appended).error().during("write the task's progress");
  // What follows is done at the source or to other files, and a power cut does not take it back.
  return stream_.log().wait_synced(appended->ticket, marks_patience);
}

Result<void> Session::create_slot(Progress& progress) {
  if (inspection_.slot) {
    if (progress.creating_slot != spec_.slot)
      return Error{
          Fault::conflict,
          fmt::format("replication slot {} exists already, and this data folder knows nothing "
                      "of it. If nobody needs it: SELECT pg_drop_replication_slot('{}'); else "
                      "choose another name with the task's 'slot' key",
                      spec_.slot, spec_.slot)};
    // Ours, from a run that ended before the slot's first position was durable: nothing was ever
    // acknowledged on it.
    if (auto dropped = pg::drop_slot(*sql_, spec_.slot); !dropped) {
      if (dropped.error().fault == Fault::conflict) return slot_in_use(dropped.error(), spec_.slot);
      return dropped;
    }
  }
  // What an abandoned history may have left aside.
  if (auto removed = Aside::remove(folder_); !removed) return removed;
  stream::Batch intent = stream_.begin_batch();
  mark_creating_slot(intent, spec_.name, spec_.slot);
  if (auto written = append_marks(intent); !written) return written;

  bool loads = spec_.migration_type == MigrationType::full_load_and_cdc;
  auto slot = make_slot(*replication_, spec_.slot, false, loads);
  if (!slot) return std::move(slot).error().during("create replication slot " + spec_.slot);

  position_ = Position{
      {system_.system_id, system_.timeline, slot->consistent_point}, slot->consistent_point, {}, 0};
  stream_position_ = position_;
  source_.generation = position_.generation;
  fresh_snapshot_ = slot->snapshot;
  stream::Batch made = stream_.begin_batch();
  mark_position(made, spec_.name, position_);
  mark_slot_made(made, spec_.name);
  if (auto written = append_marks(made); !written) return written;
  spdlog::info("task={} slot={} created at={}", spec_.name, spec_.slot, to_string(position_.end));
  return {};
}

// The server waits for every transaction that runs now: the status tells who holds us up.
Result<pg::CreatedSlot> Session::make_slot(pg::Connection& connection, const std::string& name,
                                           bool temporary, bool export_snapshot) {
  std::atomic<bool> created{false};
  std::mutex mutex;
  std::condition_variable done;
  std::thread watch([&] {
    std::unique_lock lock(mutex);
    while (!done.wait_for(lock, seconds(2), [&] { return created.load(); })) {
      auto holders = pg::old_transactions(*sql_);
      if (!holders || holders->empty()) continue;
      say_it_waits(
          Error{Fault::unavailable,
                "the replication slot waits for a transaction to end: " + holders->front()});
    }
  });
  waiting_on_.with([&](auto& waiting) { waiting = &connection; });
  auto slot = pg::create_slot(connection, name, temporary, export_snapshot);
  waiting_on_.with([](auto& waiting) { waiting = nullptr; });
  {
    std::lock_guard lock(mutex);
    created = true;
  }
  done.notify_all();
  watch.join();
  say_it_waits(std::nullopt);
  if (stop_) return stopped();
  return slot;
}

}  // namespace tailrace::capture
