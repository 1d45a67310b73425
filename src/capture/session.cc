#include "capture/session.h"

#include <fmt/format.h>
#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "capture/continuity.h"

namespace tailrace::capture {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// PostgreSQL drops a client that is silent for wal_sender_timeout (60 s, 30 s on some clouds); this
// leaves room for both. It is also how often a position that moved is told while nobody asks.
constexpr seconds status_interval{5};
constexpr seconds status_interval_moved{1};
// A keepalive's position is written down (one small group) at most this often, unless asked for.
constexpr seconds advance_interval{1};
constexpr seconds look_interval{10};
constexpr milliseconds publish_interval{200};
constexpr milliseconds fill_patience{1000};
constexpr milliseconds marks_patience{30000};

std::vector<std::pair<std::string, std::string>> plugin_options(const TaskSpec& spec, int version) {
  std::vector<std::pair<std::string, std::string>> options;
  const char* protocol = version >= 160000   ? "4"
                         : version >= 150000 ? "3"
                         : version >= 140000 ? "2"
                                             : "1";
  options.emplace_back("proto_version", protocol);
  options.emplace_back("publication_names", pg::quote_identifier(spec.publication));
  if (version >= 140000) options.emplace_back("streaming", "on");
  return options;
}

// Most often our own last walsender, which the server has not noticed to be gone.
Error in_use(const Error& error, const std::string& slot) {
  return {Fault::unavailable, error.message +
                                  "; if no other client should use it: SELECT "
                                  "pg_terminate_backend(active_pid) FROM pg_replication_slots "
                                  "WHERE slot_name = '" +
                                  slot + "';"};
}

bool is_set(std::chrono::steady_clock::time_point time) {
  return time != std::chrono::steady_clock::time_point{};
}

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
  return stream_.log().wait_durable(appended->ticket, marks_patience);
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
      if (dropped.error().fault == Fault::conflict) return in_use(dropped.error(), spec_.slot);
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

Result<void> Session::start_streaming() {
  auto spill = folder_.subdirectory("spill");
  if (!spill) return std::move(spill).error();
  spill_ = std::move(*spill);
  auto assembler = pgoutput::Assembler::make(*writer_, *spill_, {});
  if (!assembler) return std::move(assembler).error();
  assembler_ = std::move(*assembler);

  int version = replication_->server_version();
  auto wire = pg::ReplicationStream::start(std::move(replication_), spec_.slot, position_.end,
                                           plugin_options(spec_, version));
  if (!wire && wire.error().fault == Fault::conflict) return in_use(wire.error(), spec_.slot);
  if (!wire) return std::move(wire).error().during("start replication");
  wire_ = std::move(*wire);
  flowed_ = true;
  set_state(aside_ ? TaskState::loading : TaskState::running);
  spdlog::info("task={} slot={} streams from={}{}", spec_.name, spec_.slot,
               to_string(position_.end),
               aside_ ? fmt::format(" (kept aside while {} {})", to_load_.size(),
                                    to_load_.size() == 1 ? "table loads" : "tables load")
                      : "");
  if (aside_) {
    load_thread_ = std::thread([this] {
      pthread_setname_np(pthread_self(), "load");
      run_load();
    });
  } else {
    vitals_.stream_durable = position_.end.value;
  }
  return {};
}

Result<void> Session::stream_changes() {
  while (!stop_) {
    wake_wanted_ = writer_->in_flight();
    writer_->settle();
    auto filled = wire_->fill(fill_patience);
    wake_wanted_ = false;
    // Up to 17 the server decodes nothing without the publication.
    if (!filled && filled.error().fault == Fault::not_found)
      return gap(spec_, "the server could not go on decoding: " + filled.error().message);
    if (!filled) return std::move(filled).error();
    if (auto taken = take_messages(); !taken) return taken;
    if (auto heeded = heed_notices(); !heeded) return heeded;
    auto failure = load_failure_.with([](auto& error) { return error; });
    if (failure) return std::move(*failure);
    if (load_ready_ && assembler_->between_transactions())
      if (auto handed_over = hand_over(); !handed_over) return handed_over;
    if (auto told = acknowledge(false); !told) return told;
    if (auto looked = look_after_source(); !looked) return looked;
    if (clock_.steady() - last_publish_ >= publish_interval) publish();
  }
  // What is whole becomes durable and is acknowledged, so that the next start repeats nothing.
  if (auto flushed = writer_->flush(); !flushed) return flushed;
  auto deadline = clock_.steady() + seconds(10);
  log::StreamLog& log = aside_ ? aside_->log() : stream_.log();
  while (writer_->in_flight() && clock_.steady() < deadline && !log.fenced()) {
    (void)log.wait_durable(log.durable() + 1, milliseconds(100));
    writer_->settle();
  }
  if (auto told = acknowledge(true); !told) return told;
  wire_->stop(seconds(3));
  return {};
}

// From 18 on the server leaves out, with a warning, what commits while the publication is missing.
// Nothing that came after such a warning may count as received.
Result<void> Session::heed_notices() {
  for (const auto& notice : wire_->take_notices()) {
    if (notice.find("publication") != std::string::npos)
      return gap(spec_, "publication " + spec_.publication + " is or was missing (" + notice + ")");
    spdlog::warn("task={} server says: {}", spec_.name, notice);
  }
  return {};
}

Result<void> Session::take_messages() {
  while (auto message = wire_->next()) {
    if (message->after_notice)
      if (auto heeded = heed_notices(); !heeded) return heeded;
    if (message->kind == pg::StreamMessage::Kind::keepalive) {
      server_lsn_ = std::max(server_lsn_, message->lsn);
      reply_due_ |= message->reply_requested;
      if (assembler_->between_transactions()) keepalive_ = message->lsn;
      continue;
    }
    server_lsn_ = std::max(server_lsn_, message->lsn);
    if (auto fed = assembler_->feed(message->payload); !fed) return fed;
  }
  bool advance =
      keepalive_ > writer_->position().end &&
      (reply_due_ || vitals_.waiters > 0 || clock_.steady() - last_advance_ >= advance_interval);
  if (advance) {
    last_advance_ = clock_.steady();
    return writer_->advance(keepalive_);
  }
  // A transaction's first part is not worth a group of its own before the rest has come.
  if (assembler_->between_transactions()) return writer_->flush();
  return {};
}

Result<void> Session::acknowledge(bool now) {
  writer_->settle();
  Lsn durable = writer_->durable();
  if (!aside_ && vitals_.stream_durable.load() < durable.value) {
    {
      std::lock_guard lock(vitals_.mutex);
      vitals_.stream_durable = durable.value;
    }
    vitals_.changed.notify_all();
  }
  auto since = clock_.steady() - last_status_;
  static_assert(status_interval_moved < status_interval);
  bool moved = durable > looked_at_;
  if (!now && !reply_due_ && !(moved && since >= status_interval_moved) && since < status_interval)
    return {};
  looked_at_ = durable;
  reply_due_ = false;
  last_status_ = clock_.steady();
  return wire_->send_status(durable, clock_.now());
}

// From inside a long write: the server must hear of us, and a stop must be heard.
Result<void> Session::keep_alive() {
  if (stop_) return stopped();
  if (clock_.steady() - last_publish_ >= publish_interval) publish();
  if (!wire_) return {};
  return acknowledge(false);
}

// Asks the source how much WAL the slot holds and whether the publication is as it was, and moves
// an idle slot on: a transaction of nothing but a message makes the server report its progress past
// what other tables and databases write.
Result<void> Session::look_after_source() {
  auto now = clock_.steady();
  if (is_set(last_look_) && now - last_look_ < look_interval) return {};
  bool first = !is_set(last_look_);
  last_look_ = now;
  if (!sql_->alive()) {
    auto sql = pg::Connection::connect({.uri = spec_.source,
                                        .application_name = "tailrace " + spec_.name,
                                        .connect_timeout = seconds(3),
                                        .given_up = &stop_});
    if (!sql) return {};
    sql_ = std::move(*sql);
    (void)sql_->query("SET statement_timeout = '10s'");
  }
  auto rows = sql_->query(
      "select pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint, pg_current_wal_lsn() "
      "from pg_replication_slots where slot_name = $1 and not pg_is_in_recovery()",
      {spec_.slot});
  if (!rows || rows->empty()) return {};
  auto retained = std::strtoull(rows->text(0, 0).c_str(), nullptr, 10);
  if (auto end = parse_lsn(rows->text(0, 1))) server_lsn_ = std::max(server_lsn_, *end);
  vitals_.status.with([&](TaskStatus& status) { status.retained_bytes = retained; });
  constexpr std::uint64_t idle_wal_bytes = 16u << 20;
  if (!first && server_lsn_.value > writer_->position().end.value + idle_wal_bytes &&
      !writer_->in_flight())
    (void)sql_->query("select pg_logical_emit_message(true, 'tailrace', 'heartbeat')");
  return look_for_uncovered_tables();
}

// PostgreSQL says nothing when a table is taken out of the publication: its changes cease. A new
// session covers it again and loads it; a task that does not load cannot make up for them.
Result<void> Session::look_for_uncovered_tables() {
  // A table that still loads is marked when that is done; out of FOR ALL TABLES none can be taken.
  if (aside_ || inspection_.publication->all_tables) return {};
  std::vector<std::uint32_t> captured;
  for (const auto& table : inspection_.wanted)
    if (table.error.empty()) captured.push_back(table.info.oid);
  auto uncovered = pg::tables_outside(*sql_, spec_.publication, captured);
  if (!uncovered || uncovered->empty()) return {};
  std::string what = fmt::format("table {} was taken out of publication {}", uncovered->front(),
                                 spec_.publication);
  if (spec_.migration_type == MigrationType::cdc) return gap(spec_, what);
  return Error{Fault::unavailable, what + ", so it is loaded again"};
}

void Session::publish() {
  last_publish_ = clock_.steady();
  if (!writer_) return;
  auto aside_bytes = aside_ ? aside_->log().statistics().bytes : 0;
  Lsn durable = writer_->durable();
  auto commit_time = writer_->durable_commit_time();
  bool behind = writer_->in_flight() || durable < keepalive_;
  double lag = behind && commit_time != UnixMicros{}
                   ? std::chrono::duration<double>(clock_.now() - commit_time).count()
                   : 0;
  const auto& totals = writer_->totals();
  vitals_.status.with([&](TaskStatus& status) {
    status.durable = durable;
    status.server = server_lsn_;
    status.kept_aside_bytes = aside_bytes;
    status.lag_seconds = lag;
    status.transactions = totals.transactions;
    status.changes = totals.changes;
    status.bytes = totals.bytes;
  });
}

}  // namespace tailrace::capture
