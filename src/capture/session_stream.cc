// The part of a session that streams: what the server sends goes to the writer, and what is durable
// is acknowledged, until the stop or the first failure.
#include <fmt/format.h>
#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/whole_number.h"
#include "capture/continuity.h"
#include "capture/session.h"

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
// A disk that takes longer to sync keeps nobody from stopping.
constexpr seconds stop_patience{10};

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

bool is_set(std::chrono::steady_clock::time_point time) {
  return time != std::chrono::steady_clock::time_point{};
}

}  // namespace

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
  if (!wire && wire.error().fault == Fault::conflict) return slot_in_use(wire.error(), spec_.slot);
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
  (void)writer_->wait_settled(stop_patience);
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
  // A slot that has lost its WAL has no restart_lsn; greatest() passes over the null.
  auto rows = sql_->query(
      "select greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint, "
      "pg_current_wal_lsn() from pg_replication_slots where slot_name = $1 and not "
      "pg_is_in_recovery()",
      {spec_.slot});
  if (!rows || rows->empty()) return {};
  auto retained = parse_whole<std::uint64_t>(rows->text(0, 0));
  if (!retained)
    return Error{Fault::corrupt, fmt::format("the server tells the WAL that slot {} holds as '{}'",
                                             spec_.slot, rows->text(0, 0))};
  if (auto end = parse_lsn(rows->text(0, 1))) server_lsn_ = std::max(server_lsn_, *end);
  vitals_.status.with([&](TaskStatus& status) { status.retained_bytes = *retained; });
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
