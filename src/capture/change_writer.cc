#include "capture/change_writer.h"

#include <spdlog/spdlog.h>

#include "capture/append.h"

namespace tailrace::capture {
namespace {

// Large enough that a write and its fsync cost little per row, small enough that readers see a
// backlog soon and two of them fit anywhere.
constexpr std::size_t batch_bytes_max = 1u << 20;

}  // namespace

ChangeWriter::ChangeWriter(const TaskSpec& spec, const rules::Mappings& mappings,
                           const envelope::Source& source, stream::Stream& stream,
                           TableBoard& board, Clock& clock, Position position, Hooks hooks)
    : spec_(spec),
      mappings_(mappings),
      source_(source),
      stream_(stream),
      board_(board),
      clock_(clock),
      hooks_(std::move(hooks)),
      position_(position),
      batch_(stream.begin_batch()),
      durable_(position.end.value) {}

void ChangeWriter::write_to_stream() {
  TAILRACE_CHECK(batch_is_empty());
  aside_ = nullptr;
  for (auto& [oid, entry] : entries_) apply_load(entry);
}

void ChangeWriter::write_aside(Aside& aside) {
  TAILRACE_CHECK(batch_is_empty());
  aside_ = &aside;
}

void ChangeWriter::set_loads(std::map<std::uint32_t, LoadMark> loads,
                             std::set<std::uint32_t> waiting) {
  loads_ = std::move(loads);
  waiting_ = std::move(waiting);
  for (auto& [oid, entry] : entries_) apply_load(entry);
}

void ChangeWriter::apply_load(Entry& entry) {
  auto load = loads_.find(entry.table.oid);
  entry.loaded_at = load == loads_.end() ? Lsn{} : load->second.snapshot;
  entry.waiting = waiting_.contains(entry.table.oid);
}

Result<const Table*> ChangeWriter::relation(const pgoutput::Relation& relation) {
  if (!mappings_.selects(relation.schema, relation.name)) {
    publish_counts();
    entries_.erase(relation.oid);
    if (board_.knows(relation.oid)) {
      std::string why = "it is named " + relation.schema + "." + relation.name +
                        " now, which the table mappings do not select: rename it back, or select "
                        "the new name and run 'tailrace task reload " +
                        spec_.name + "'";
      spdlog::error("task={} a table left the stream: {}", spec_.name, why);
      board_.set_state(relation.oid, TableState::error, std::move(why));
    }
    return nullptr;
  }
  std::vector<std::string> key;
  if (relation.replica_identity != 'd' && relation.replica_identity != 'i') {
    auto asked = hooks_.key_of(relation.oid);
    if (!asked) return std::move(asked).error();
    key = std::move(*asked);
  }
  Entry& entry = entries_[relation.oid];
  entry.table = table_of(relation, key);
  entry.envelope =
      envelope::TableEnvelope::make(spec_.message_format, spec_.partition_by, source_, entry.table);
  apply_load(entry);
  if (!board_.knows(relation.oid)) {
    board_.put(relation.oid, relation.schema, relation.name, TableState::streaming);
    bool loads = spec_.migration_type == MigrationType::full_load_and_cdc;
    spdlog::info(
        "task={} table={}.{} joins the stream{}", spec_.name, relation.schema, relation.name,
        loads ? "; rows it had before are not loaded ('tailrace task reload' loads all)" : "");
    // Remembered, so that the next start does not take it for a table whose load is missing.
    if (loads && aside_ == nullptr) mark_load(batch_, spec_.name, relation.oid, LoadMark{});
    if (loads) loads_.emplace(relation.oid, LoadMark{});
  }
  return &entry.table;
}

Result<bool> ChangeWriter::begin(const Transaction& transaction) {
  // What committed before the position's end is in the log whole.
  if (transaction.commit < position_.end) return false;
  if (position_.commit != transaction.commit) {
    position_.commit = transaction.commit;
    position_.ordinal = 0;
  }
  begin_arrival();
  return true;
}

void ChangeWriter::begin_arrival() {
  now_ = clock_.now();
  batch_.set_arrival(now_);
  aside_batch_.set_arrival(now_);
}

Result<void> ChangeWriter::change(const Transaction& transaction, const Change& change) {
  // Of a transaction that a crash cut in two, the first part is in the log.
  if (change.ordinal <= position_.ordinal) return {};
  if (batch_bytes() >= batch_bytes_max) {
    if (auto flushed = flush(); !flushed) return flushed;
    begin_arrival();
  }
  auto found = entries_.find(change.table->oid);
  TAILRACE_CHECK(found != entries_.end());
  Entry& entry = found->second;
  position_.ordinal = change.ordinal;
  position_moved_ = true;

  bool in_load = transaction.commit < entry.loaded_at || entry.waiting;
  if (in_load && aside_ == nullptr) return {};

  switch (change.operation) {
    case Operation::insert:
      ++entry.counts.inserts;
      break;
    case Operation::update:
      ++entry.counts.updates;
      break;
    case Operation::remove:
      ++entry.counts.removes;
      break;
    case Operation::truncate:
      ++entry.counts.truncates;
      break;
    case Operation::load:
      break;
  }
  ++totals_.changes;
  emit(entry, change, {.transaction = &transaction, .now = now_});
  return {};
}

void ChangeWriter::emit(Entry& entry, const Change& change, const envelope::Context& context) {
  using Half = envelope::Context::Half;
  if (entry.envelope->changes_key(change)) {
    emit_half(entry, change, context, Half::old_key);
    emit_half(entry, change, context, Half::new_key);
  } else {
    emit_half(entry, change, context, Half::whole);
  }
}

void ChangeWriter::emit_half(Entry& entry, const Change& change, envelope::Context context,
                             envelope::Context::Half half) {
  context.half = half;
  key_.clear();
  entry.envelope->append_partition_key(key_, change, half);
  // A truncate concerns the rows of every shard, and must stand between them in each.
  bool everywhere = change.operation == Operation::truncate;
  if (aside_ != nullptr) {
    Buffer& out = aside_batch_.begin_record(0, key_.view());
    Aside::append_header(out, {everywhere ? Aside::Kind::broadcast : Aside::Kind::message,
                               entry.table.oid,
                               context.transaction->commit,
                               change.ordinal,
                               {}});
    entry.envelope->append(out, change, context);
    aside_batch_.end_record();
    return;
  }
  if (everywhere) {
    message_.clear();
    entry.envelope->append(message_, change, context);
    batch_.add_to_every_shard(key_.view(), message_.view());
    return;
  }
  entry.envelope->append(batch_.begin_record(key_.view()), change, context);
  batch_.end_record();
}

Result<void> ChangeWriter::commit(const Transaction* transaction, Lsn end) {
  if (transaction != nullptr) {
    ++totals_.transactions;
    last_commit_time_ = transaction->commit_time;
    if (aside_ != nullptr) {
      Aside::append_header(aside_batch_.begin_record(0, {}),
                           {Aside::Kind::transaction_end, 0, transaction->commit, 0, end});
      aside_batch_.end_record();
    }
  }
  if (position_.end < end) position_.end = end;
  // The end of an earlier transaction does not finish the one that a crash cut in two.
  if (position_.commit < end) {
    position_.commit = {};
    position_.ordinal = 0;
  }
  position_moved_ = true;
  if (batch_bytes() >= batch_bytes_max) return flush();
  return {};
}

Result<void> ChangeWriter::advance(Lsn lsn) {
  if (!(position_.end < lsn)) return {};
  position_.end = lsn;
  position_moved_ = true;
  return flush();
}

Result<void> ChangeWriter::flush() {
  settle();
  if (!position_moved_ && batch_is_empty()) return {};
  if (aside_ != nullptr)
    Aside::mark_position(aside_batch_, position_);
  else
    mark_position(batch_, spec_.name, position_);
  totals_.bytes += batch_bytes();
  auto appended = append();
  if (!appended) return std::move(appended).error();
  position_moved_ = false;
  pending_.push_back({appended->ticket, position_.end, last_commit_time_});
  publish_counts();
  return {};
}

Result<log::StreamLog::Appended> ChangeWriter::append() {
  auto keep_alive = [this]() -> Result<void> {
    settle();
    return hooks_.keep_alive();
  };
  AppendHooks hooks{keep_alive, hooks_.waits};
  if (aside_ != nullptr)
    return append_when_there_is_room(spec_.name, aside_->log(), aside_batch_, hooks);
  return append_when_there_is_room(spec_.name, stream_, batch_, hooks);
}

void ChangeWriter::settle() {
  if (pending_.empty()) return;
  auto done = target().synced();
  while (!pending_.empty() && pending_.front().ticket <= done) {
    durable_commit_time_ = pending_.front().commit_time;
    durable_.store(pending_.front().end.value, std::memory_order_release);
    pending_.pop_front();
  }
}

Result<void> ChangeWriter::wait_settled(std::chrono::milliseconds patience) {
  if (pending_.empty()) return {};
  auto synced = target().wait_synced(pending_.back().ticket, patience);
  settle();
  return synced;
}

void ChangeWriter::publish_counts() {
  for (auto& [oid, entry] : entries_) {
    TableBoard::Counts& counts = entry.counts;
    if (counts.inserts + counts.updates + counts.removes + counts.truncates == 0) continue;
    board_.add_changes(oid, counts);
    counts = {};
  }
}

}  // namespace tailrace::capture
