// The part of a session that loads tables: beside the stream, whose changes wait aside meanwhile,
// or, for full-load, alone.
#include <fmt/format.h>
#include <pthread.h>
#include <spdlog/spdlog.h>

#include <random>

#include "base/whole_number.h"
#include "capture/session.h"

namespace tailrace::capture {
namespace {

using std::chrono::milliseconds;

// With so little left aside the reader itself moves the rest, between two messages.
constexpr std::uint64_t handover_records = 2000;

}  // namespace

Result<void> Session::prepare_load() {
  std::set<std::uint32_t> waiting;
  bool loads = spec_.migration_type == MigrationType::full_load_and_cdc;
  for (const auto& table : inspection_.wanted) {
    bool loaded = !loads || loads_.contains(table.info.oid);
    if (!table.error.empty()) {
      if (!loaded) waiting.insert(table.info.oid);
      vitals_.board.put(table.info.oid, table.info.schema, table.info.name, TableState::error,
                        table.error);
      continue;
    }
    vitals_.board.put(table.info.oid, table.info.schema, table.info.name,
                      loaded ? TableState::streaming : TableState::before_load);
    if (loaded) continue;
    waiting.insert(table.info.oid);
    to_load_.push_back(table.info);
  }
  auto tables = load_tables(*sql_, spec_.publication, to_load_);
  if (!tables) return std::move(tables).error();
  load_tables_ = std::move(*tables);
  auto snapshot = snapshot_for_load();
  if (!snapshot) return std::move(snapshot).error();
  if (*snapshot) load_snapshot_ = **snapshot;

  writer_ = std::make_unique<ChangeWriter>(
      spec_, mappings_, source_, stream_, vitals_.board, clock_, position_,
      ChangeWriter::Hooks{[this] { return keep_alive(); },
                          [this](std::uint32_t oid) -> Result<std::vector<std::string>> {
                            auto info = pg::find_table(*sql_, oid);
                            if (!info) return std::move(info).error();
                            if (!*info) return std::vector<std::string>{};
                            return key_columns(*sql_, **info);
                          },
                          [this](std::optional<Error> why) { say_it_waits(std::move(why)); }});
  if (!to_load_.empty() && !aside_) {
    auto aside = Aside::open(folder_, stream_.spec()->incarnation, spec_.name, clock_);
    if (!aside) return std::move(aside).error();
    aside_ = std::move(*aside);
  }
  writer_->set_loads(loads_, waiting);
  if (aside_) writer_->write_aside(*aside_);
  return {};
}

// The snapshot that the load reads, and its place in the history: the new slot's own, or that of a
// temporary slot when an earlier load was cut short.
Result<std::optional<Lsn>> Session::snapshot_for_load() {
  if (to_load_.empty()) return std::optional<Lsn>{};
  if (!fresh_snapshot_.empty()) {
    if (auto imported = import_snapshot(fresh_snapshot_); !imported)
      return std::move(imported).error();
    return std::optional<Lsn>{position_.generation.slot_point};
  }
  auto connection = open_connection(pg::Connection::Kind::replication, " load");
  if (!connection) return std::move(connection).error().during("connect for the load");
  snapshot_connection_ = std::move(*connection);
  // A name of its own, since the one of a run that was killed may not have ended yet.
  auto name = fmt::format("{}_load_{:08x}", spec_.slot.substr(0, 49), std::random_device{}());
  auto slot = make_slot(*snapshot_connection_, name, true, true);
  if (!slot) return std::move(slot).error().during("create a temporary slot for the load");
  if (auto imported = import_snapshot(slot->snapshot); !imported)
    return std::move(imported).error();
  snapshot_connection_.reset();
  return std::optional<Lsn>{slot->consistent_point};
}

Result<void> Session::import_snapshot(const std::string& snapshot) {
  loader_ =
      std::make_unique<Loader>(spec_, source_, stream_, vitals_.board, clock_,
                               [this](std::optional<Error> why) { say_it_waits(std::move(why)); });
  if (auto imported = loader_->import_snapshot(snapshot, stop_); !imported) return imported;
  stoppable_.with([&](auto& loader) { loader = loader_.get(); });
  return stop_ ? Result<void>(stopped()) : Result<void>();
}

void Session::drop_loader() {
  stoppable_.with([](auto& loader) { loader = nullptr; });
  loader_.reset();
}

// Load thread: the rows, then what was kept aside meanwhile, until little is left.
void Session::run_load() {
  auto failed = [this](Error error) {
    load_failure_.with([&](auto& failure) { failure = std::move(error); });
    wakeable_.with([](pg::ReplicationStream* wire) {
      if (wire) wire->wake();
    });
  };
  if (loader_) {
    auto loaded = loader_->load(load_tables_, load_snapshot_);
    if (!loaded) return failed(std::move(loaded).error());
    loads_.insert(loaded->begin(), loaded->end());
    drop_loader();
  }
  std::set<std::uint32_t> waiting;
  for (const auto& table : inspection_.wanted)
    if (!loads_.contains(table.info.oid)) waiting.insert(table.info.oid);
  drain_ = std::make_unique<Drain>(spec_.name, *aside_, stream_, stream_position_, loads_, waiting);
  auto hooks = drain_hooks([this] { return stop_ ? Result<void>(stopped()) : Result<void>(); });
  while (!stop_) {
    auto more = drain_->step(hooks);
    if (!more) return failed(std::move(more).error());
    if (!*more || drain_->records_left() < handover_records) break;
  }
  load_ready_ = true;
  wakeable_.with([](pg::ReplicationStream* wire) {
    if (wire) wire->wake();
  });
}

AppendHooks Session::drain_hooks(std::function<Result<void>()> keep_alive) {
  return {std::move(keep_alive),
          [this](std::optional<Error> why) { say_it_waits(std::move(why)); }};
}

// Between two transactions: moves the last of what waited aside, and writes to the stream from
// here.
Result<void> Session::hand_over() {
  load_thread_.join();
  if (auto flushed = writer_->flush(); !flushed) return flushed;
  while (writer_->in_flight()) {
    auto settled = writer_->wait_settled(milliseconds(200));
    if (!settled && settled.error().fault != Fault::timeout) return settled;
    if (auto alive = keep_alive(); !alive) return alive;
  }
  auto hooks = drain_hooks([this] { return keep_alive(); });
  for (;;) {
    auto more = drain_->step(hooks);
    if (!more) return std::move(more).error();
    if (!*more) break;
    if (auto alive = keep_alive(); !alive) return alive;
  }
  std::set<std::uint32_t> waiting;
  for (const auto& table : inspection_.wanted) {
    if (!loads_.contains(table.info.oid))
      waiting.insert(table.info.oid);
    else if (table.error.empty())
      vitals_.board.set_state(table.info.oid, TableState::streaming);
  }
  writer_->set_loads(loads_, waiting);
  writer_->write_to_stream();
  // The position that was reached aside, so that what waited there can go.
  stream::Batch reached = stream_.begin_batch();
  mark_position(reached, spec_.name, writer_->position());
  if (auto written = append_marks(reached); !written) return written;
  drain_.reset();
  aside_.reset();
  if (auto removed = Aside::remove(folder_); !removed) return removed;
  load_ready_ = false;
  set_state(TaskState::running);
  spdlog::info("task={} load complete, streams into stream={}", spec_.name, spec_.stream);
  return {};
}

// migration_type full-load: an ordinary transaction's snapshot, no slot.
Result<void> Session::load_only() {
  for (const auto& table : inspection_.wanted) {
    bool loaded = loads_.contains(table.info.oid);
    if (!table.error.empty()) continue;
    vitals_.board.put(table.info.oid, table.info.schema, table.info.name,
                      loaded ? TableState::loaded : TableState::before_load);
    if (!loaded) to_load_.push_back(table.info);
  }
  if (to_load_.empty()) return {};
  auto tables = load_tables(*sql_, "", to_load_);
  if (!tables) return std::move(tables).error();
  for (const char* sql :
       {"SET statement_timeout = 0", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"})
    if (auto done = sql_->query(sql); !done) return std::move(done).error();
  auto snapshot = sql_->query(
      "select pg_export_snapshot(), case when pg_is_in_recovery() then pg_last_wal_replay_lsn() "
      "else "
      "pg_current_wal_lsn() end, current_database(), (select system_identifier from "
      "pg_control_system()), "
      "(select timeline_id from pg_control_checkpoint())");
  if (!snapshot) return std::move(snapshot).error().during("export a snapshot");
  auto point = parse_lsn(snapshot->text(0, 1));
  auto system = parse_whole<std::uint64_t>(snapshot->text(0, 3));
  auto timeline = parse_whole<std::uint32_t>(snapshot->text(0, 4));
  if (!point || !system || !timeline)
    return Error{Fault::corrupt,
                 fmt::format("export a snapshot: the server tells its place as '{}', system '{}', "
                             "timeline '{}'",
                             snapshot->text(0, 1), snapshot->text(0, 3), snapshot->text(0, 4))};
  source_.database = snapshot->text(0, 2);
  source_.generation = {*system, *timeline, *point};
  if (auto imported = import_snapshot(snapshot->text(0, 0)); !imported) return imported;
  flowed_ = true;
  set_state(TaskState::loading);
  load_tables_ = std::move(*tables);
  if (stop_) return stopped();
  load_thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "load");
    auto loaded = loader_->load(load_tables_, source_.generation.slot_point);
    if (!loaded) load_failure_.with([&](auto& failure) { failure = std::move(loaded).error(); });
    load_ready_ = true;
    load_ready_.notify_all();
  });
  // The transaction that exported the snapshot stays open until the load has ended.
  load_ready_.wait(false);
  load_thread_.join();
  drop_loader();
  auto failure = load_failure_.with([](auto& error) { return error; });
  if (failure) return std::move(*failure);
  // Batches become durable in order, so with this one all before it are.
  stream::Batch last = stream_.begin_batch();
  mark_slot_made(last, spec_.name);
  return append_marks(last);
}

}  // namespace tailrace::capture
