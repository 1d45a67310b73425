#include "log/segmented_log.h"

#include <pthread.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace tailrace::log {
namespace {

// Bounds how long a group's write and sync take, and so how long the next one waits.
constexpr std::size_t group_bytes_max = 8u << 20;

// When so many batches wait at the end of a group, the next one is given time for those whose
// writers that end has just woken: half as long as the sync took, which costs them less than the
// syncs that are saved. Until it has enough, or is large enough to be worth a sync of its own.
constexpr std::size_t gather_batches_min = 4, gather_batches_enough = 16;
constexpr std::size_t gather_bytes_enough = 64u << 10;
constexpr std::chrono::milliseconds gather_max{1};

// A full disk says nothing when it has room again.
constexpr std::chrono::milliseconds room_retry_interval{200};

std::uint64_t micros_between(std::chrono::steady_clock::time_point from,
                             std::chrono::steady_clock::time_point to) {
  auto micros = std::chrono::duration_cast<std::chrono::microseconds>(to - from).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(micros, 0));
}

}  // namespace

SegmentedLog::SegmentedLog(Directory& directory, Options options, Clock& clock, Recovered recovered)
    : directory_(directory),
      options_(std::move(options)),
      clock_(clock),
      notes_(std::move(recovered.notes)),
      reader_(directory, options_.name, options_.incarnation, std::move(recovered.index),
              std::move(recovered.damage)),
      durable_(recovered.state.last_ticket),
      synced_(recovered.state.last_ticket),
      writer_(directory, options_.segment_bytes_max),
      state_(std::move(recovered.state)),
      last_sequence_(recovered.last_sequence),
      segment_groups_(recovered.open_groups),
      segment_records_(recovered.open_records) {
  if (recovered.open_file) writer_.resume(recovered.open_file, recovered.open_position);
  queue_.last_ticket = state_.last_ticket;
  queue_.next.insert(state_.next.begin(), state_.next.end());
  queue_.next_of_unlisted = state_.next_of_unlisted;
  written_.with([&](Written& written) {
    written.marks = state_.marks;
    written.statistics.groups = recovered.groups;
    written.statistics.records = recovered.records;
  });
  thread_ = std::thread([this] { run(); });
}

SegmentedLog::~SegmentedLog() { stop(); }

void SegmentedLog::stop() {
  {
    std::lock_guard lock(queue_mutex_);
    queue_.stopping = true;
  }
  work_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void SegmentedLog::abandon(const Error& why) {
  {
    std::lock_guard lock(queue_mutex_);
    queue_.fenced = why;
    queue_.batches.clear();
  }
  stop();
  {
    std::lock_guard retiring(retire_mutex_);
    abandoned_ = true;
  }
  refuse(why);
}

// ---- appending

Result<StreamLog::Appended> SegmentedLog::append(Batch& batch, std::chrono::milliseconds patience) {
  std::unique_lock lock(queue_mutex_);
  ++queue_.room_waiters;
  room_.wait_until(lock, deadline_after(patience),
                   [&] { return has_room(batch.bytes()) || queue_.fenced || queue_.full; });
  --queue_.room_waiters;
  auto appended = enqueue(batch);
  flush(std::move(lock));
  return appended;
}

Result<StreamLog::Appended> SegmentedLog::queue(Batch& batch) {
  std::lock_guard lock(queue_mutex_);
  return enqueue(batch);
}

void SegmentedLog::flush() { flush(std::unique_lock(queue_mutex_)); }

void SegmentedLog::flush(std::unique_lock<std::mutex> lock) {
  if (queue_.batches.empty()) return;
  queue_.flushed = true;
  bool wake =
      queue_.batches.size() >= queue_.batches_awaited && std::exchange(queue_.writer_waits, false);
  lock.unlock();
  if (wake) work_.notify_one();
}

Result<StreamLog::Appended> SegmentedLog::enqueue(Batch& batch) {
  if (queue_.fenced) return *queue_.fenced;
  if (queue_.full) return *queue_.full;
  if (!has_room(batch.bytes()))
    return Error{Fault::unavailable, "stream " + options_.name + ": " +
                                         std::to_string(queue_.pending_bytes) +
                                         " bytes wait for the disk already; try again"};
  if (batch.empty()) return Appended{queue_.last_ticket, {}};

  PendingBatch pending;
  pending.bytes = batch.bytes();
  pending.ticket = ++queue_.last_ticket;
  pending.firsts.reserve(batch.pieces().size());
  for (const auto& [shard, piece] : batch.pieces()) {
    auto next = queue_.next.try_emplace(shard, queue_.next_of_unlisted).first;
    pending.firsts.push_back({shard, next->second, piece.count});
    next->second += piece.count;
  }
  pending.batch = batch.take();
  Appended appended{pending.ticket, pending.firsts};
  queue_.pending_bytes += pending.bytes;
  queue_.batches.push_back(std::move(pending));
  return appended;
}

bool SegmentedLog::has_room(std::size_t bytes) const {
  return queue_.pending_bytes == 0 || queue_.pending_bytes + bytes <= options_.pending_bytes_max;
}

StreamLog::Ticket SegmentedLog::appended() const {
  std::lock_guard lock(queue_mutex_);
  return queue_.last_ticket;
}

Result<void> SegmentedLog::wait_durable(Ticket ticket, std::chrono::milliseconds patience) {
  return durable_.wait(ticket, patience);
}

Result<void> SegmentedLog::wait_synced(Ticket ticket, std::chrono::milliseconds patience) {
  return (options_.sync == Sync::interval ? synced_ : durable_).wait(ticket, patience);
}

std::uint64_t SegmentedLog::subscribe(std::function<void()> wake) {
  std::uint64_t subscription = next_subscription_++;
  subscribers_.with([&](auto& subscribers) { subscribers[subscription] = std::move(wake); });
  return subscription;
}

void SegmentedLog::unsubscribe(std::uint64_t subscription) {
  subscribers_.with([&](auto& subscribers) { subscribers.erase(subscription); });
}

// ---- the writer thread

void SegmentedLog::run() {
  pthread_setname_np(pthread_self(), "log");
  std::vector<PendingBatch> batches;
  while (take(batches)) {
    Group group(std::move(batches), state_.next_group, state_.last_ticket);
    if (!write(group)) return;
  }
  finish();
}

// Waits for batches; with Sync::interval syncs in between. False when it is time to end.
bool SegmentedLog::take(std::vector<PendingBatch>& batches) {
  std::unique_lock lock(queue_mutex_);
  for (;;) {
    if (sync_is_due()) {
      lock.unlock();
      if (!sync_what_is_due()) return false;
      lock.lock();
      continue;
    }
    bool rotates = std::exchange(queue_.rotate, false);
    if (!queue_.batches.empty() && (queue_.flushed || queue_.stopping)) {
      if (!gathers()) break;
      wait_for_work(lock, gather_batches_enough, gather_until_);
      continue;
    }
    if (queue_.stopping) return false;
    if (rotates) {
      lock.unlock();
      if (!rotate()) return false;
      lock.lock();
      continue;
    }
    wait_for_work(lock, 1, sync_waits() ? std::optional(sync_due_) : std::nullopt);
  }
  // One at least.
  std::size_t bytes = queue_.batches.front().bytes;
  auto end = std::find_if(queue_.batches.begin() + 1, queue_.batches.end(),
                          [&](const PendingBatch& pending) {
                            bytes += pending.bytes;
                            return bytes > group_bytes_max;
                          });
  batches.assign(std::make_move_iterator(queue_.batches.begin()), std::make_move_iterator(end));
  queue_.batches.erase(queue_.batches.begin(), end);
  queue_.flushed = !queue_.batches.empty();
  lock.unlock();
  durable_.begin_group(batches.back().ticket);
  return true;
}

// With the lock held.
bool SegmentedLog::gathers() const {
  return queue_.batches.size() >= gather_batches_min &&
         queue_.batches.size() < gather_batches_enough &&
         queue_.pending_bytes < gather_bytes_enough && !queue_.stopping &&
         std::chrono::steady_clock::now() < gather_until_;
}

void SegmentedLog::wait_for_work(std::unique_lock<std::mutex>& lock, std::size_t batches,
                                 std::optional<std::chrono::steady_clock::time_point> until) {
  queue_.batches_awaited = batches;
  queue_.writer_waits = true;
  if (until)
    work_.wait_until(lock, *until);
  else
    work_.wait(lock);
  queue_.writer_waits = false;
}

bool SegmentedLog::write(Group& group) {
  bool was_full = false;
  for (;;) {
    auto ready = make_ready(group.length());
    if (ready) break;
    was_full = true;
    if (ready.error().fault != Fault::full) {
      fence(ready.error());
      return false;
    }
    if (sync_is_due() && !sync_what_is_due()) return false;
    if (!wait_for_room(ready.error())) {
      fence(ready.error());
      return false;
    }
  }
  if (was_full) {
    // Before anybody learns that the group is durable and appends again.
    std::lock_guard lock(queue_mutex_);
    queue_.full.reset();
  }
  group.place(options_.incarnation, writer_.position(), writer_.synced_end(), clock_.now());
  auto started = clock_.steady();
  auto wrote = writer_.write(group.pieces(), group.length());
  std::uint64_t write_micros = micros_between(started, clock_.steady());
  if (wrote && options_.sync == Sync::always) wrote = timed_sync();
  if (!wrote) {
    fence(wrote.error());
    return false;
  }
  sync_due_ = std::max(sync_due_, std::chrono::steady_clock::now());
  publish(group, write_micros);
  return true;
}

Result<void> SegmentedLog::make_ready(std::uint64_t group_bytes) {
  if (writer_.is_open() && segment_groups_ > 0 &&
      writer_.position() + group_bytes > options_.segment_bytes_max)
    if (auto sealed = seal(); !sealed) return std::move(sealed).error().during("seal a segment");
  if (!writer_.is_open())
    if (auto created = create(); !created)
      return std::move(created).error().during("make a segment");
  return writer_.make_room(group_bytes);
}

// Begins a new segment though the old one has room, so that retention can take the old one: a log
// that nobody writes to would keep it for ever. False when the log was fenced.
bool SegmentedLog::rotate() {
  if (!writer_.is_open() || segment_groups_ == 0) return true;
  auto rotated = seal();
  if (rotated) rotated = create();
  // Without room it stays half done, which the next write goes on with.
  if (rotated || rotated.error().fault == Fault::full) return true;
  fence(std::move(rotated).error().during("make a segment"));
  return false;
}

Result<void> SegmentedLog::seal() {
  Footer footer;
  footer.incarnation = options_.incarnation;
  footer.sequence = last_sequence_;
  footer.groups = segment_groups_;
  footer.records = segment_records_;
  footer.state = state_;
  auto open = reader_.open_segment();
  footer.first_group = open.first_group;
  auto sealed = writer_.seal(footer, open.blocks);
  note_synced();
  if (sealed) reader_.seal_segment(footer, writer_.position());
  return sealed;
}

Result<void> SegmentedLog::create() {
  SegmentHeader header{options_.incarnation, last_sequence_ + 1, state_};
  if (auto created = writer_.create(header); !created) return created;
  ++last_sequence_;
  segment_groups_ = segment_records_ = 0;
  auto segment = std::make_shared<Segment>();
  segment->name = segment_name(state_.next_group);
  segment->sequence = last_sequence_;
  segment->first_group = state_.next_group;
  segment->bytes = writer_.position();
  reader_.begin_segment(std::move(segment));
  return {};
}

Result<void> SegmentedLog::timed_sync() {
  auto started = clock_.steady();
  auto synced = writer_.sync();
  auto sync_micros = micros_between(started, clock_.steady());
  auto now = std::chrono::steady_clock::now();
  sync_due_ = now + options_.sync_interval;
  gather_until_ = now + std::min<std::chrono::microseconds>(
                            std::chrono::microseconds(sync_micros / 2), gather_max);
  written_.with([&](Written& written) {
    ++written.statistics.syncs;
    written.statistics.sync_micros += sync_micros;
  });
  return synced;
}

bool SegmentedLog::sync_waits() const {
  return options_.sync == Sync::interval && writer_.is_open() &&
         writer_.synced_end() < writer_.position();
}

bool SegmentedLog::sync_is_due() const {
  return sync_waits() && std::chrono::steady_clock::now() >= sync_due_;
}

// False when the log was fenced.
bool SegmentedLog::sync_what_is_due() {
  if (auto synced = timed_sync(); !synced) {
    fence(synced.error());
    return false;
  }
  note_synced();
  return true;
}

void SegmentedLog::note_synced() {
  if (writer_.synced_end() < writer_.position()) return;
  if (synced_.ticket() == state_.last_ticket) return;
  synced_.begin_group(state_.last_ticket);
  synced_.reach(state_.last_ticket);
  wake_subscribers();
}

// False when the log is being closed.
bool SegmentedLog::wait_for_room(const Error& full) {
  std::unique_lock lock(queue_mutex_);
  queue_.full = Error{Fault::full, "stream " + options_.name + ": " + full.message +
                                       ": make room, or shorten the retention"};
  if (queue_.room_waiters > 0) room_.notify_all();
  work_.wait_for(lock, room_retry_interval, [&] { return queue_.stopping || queue_.try_room_now; });
  queue_.try_room_now = false;
  return !queue_.stopping;
}

void SegmentedLog::publish(const Group& group, std::uint64_t write_micros) {
  const GroupHeader& header = group.header();
  state_.next_group = header.number + 1;
  state_.last_ticket = header.last_ticket;
  std::uint64_t records = 0;
  for (const auto& [shard, block] : header.blocks) {
    state_.next[shard] = block.end();
    records += block.count;
  }
  for (const auto& [key, value] : header.marks) state_.marks.insert_or_assign(key, value);
  ++segment_groups_;
  segment_records_ += records;
  unproven_ = true;
  reader_.publish(header, writer_.position());
  written_.with([&](Written& written) {
    for (const auto& [key, value] : header.marks) written.marks.insert_or_assign(key, value);
    ++written.statistics.groups;
    written.statistics.records += records;
    written.statistics.write_micros += write_micros;
  });
  bool wake_room;
  {
    std::lock_guard lock(queue_mutex_);
    queue_.pending_bytes -= group.pending_bytes();
    wake_room = queue_.room_waiters > 0;
  }
  // Behind the room, for appenders who wait for the one to have the other.
  durable_.reach(header.last_ticket);
  if (wake_room) room_.notify_all();
  wake_subscribers();
}

// An empty group behind the last one proves that it was synced: should it be damaged later, that
// is damage and not a crash's torn tail.
void SegmentedLog::finish() {
  if (!writer_.is_open() || fenced()) return;
  if (auto synced = timed_sync(); !synced) return fence(synced.error());
  if (!unproven_) return;
  Group proof({}, state_.next_group, state_.last_ticket);
  if (!writer_.make_room(proof.length())) return;
  proof.place(options_.incarnation, writer_.position(), writer_.synced_end(), clock_.now());
  auto wrote = writer_.write(proof.pieces(), proof.length());
  if (wrote) wrote = writer_.sync();
  if (!wrote) fence(wrote.error());
}

void SegmentedLog::fence(const Error& cause) { refuse(fenced_error(cause)); }

void SegmentedLog::refuse(const Error& error) {
  {
    std::lock_guard lock(queue_mutex_);
    queue_.fenced = error;
    queue_.batches.clear();
    queue_.pending_bytes = 0;
  }
  room_.notify_all();
  durable_.fence(error);
  synced_.fence(error);
  wake_subscribers();
}

void SegmentedLog::wake_subscribers() {
  subscribers_.with([](auto& subscribers) {
    for (auto& [subscription, wake] : subscribers) wake();
  });
}

Error SegmentedLog::fenced_error(const Error& cause) const {
  return Error{Fault::fenced, "stream " + options_.name +
                                  " takes no more records since a write failed (" + cause.message +
                                  "): what it acknowledged is safe; see to the "
                                  "disk, then open the stream again"};
}

// ---- the rest

std::optional<std::string> SegmentedLog::mark(std::string_view key) const {
  return written_.with([&](const Written& written) -> std::optional<std::string> {
    auto found = written.marks.find(key);
    if (found == written.marks.end()) return std::nullopt;
    return found->second;
  });
}

Marks SegmentedLog::marks() const {
  return written_.with([](const Written& written) { return written.marks; });
}

Result<std::size_t> SegmentedLog::retire(std::int64_t arrived_before_ms, std::uint64_t bytes_max) {
  std::lock_guard retiring(retire_mutex_);
  if (abandoned_) return 0;
  auto [old, open_is_old] = reader_.retire(arrived_before_ms, bytes_max);
  std::size_t count = old.size();
  retired_.insert(retired_.end(), old.begin(), old.end());
  if (auto removed = remove_retired(); !removed) return std::move(removed).error();
  {
    std::lock_guard lock(queue_mutex_);
    queue_.try_room_now = queue_.full.has_value();
    queue_.rotate = open_is_old;
    if (!queue_.try_room_now && !queue_.rotate) return count;
  }
  work_.notify_one();
  return count;
}

// Oldest first, each durable before the next: a crash may not leave a hole.
Result<void> SegmentedLog::remove_retired() {
  while (!retired_.empty()) {
    Segment& segment = *retired_.front();
    auto removed = reader_.is_damaged(segment)
                       ? directory_.rename(segment.name, segment.name + ".damaged")
                       : directory_.remove(segment.name);
    if (!removed && removed.error().fault != Fault::not_found)
      return std::move(removed).error().during("retire a segment");
    if (auto synced = directory_.sync(); !synced)
      return std::move(synced).error().during("retire a segment");
    reader_.forget(segment);
    retired_.pop_front();
  }
  return {};
}

std::optional<Error> SegmentedLog::fenced() const {
  std::lock_guard lock(queue_mutex_);
  return queue_.fenced;
}

StreamLog::Statistics SegmentedLog::statistics() const {
  auto statistics = written_.with([](const Written& written) { return written.statistics; });
  auto size = reader_.size();
  statistics.segments = size.segments;
  statistics.bytes = size.bytes;
  std::lock_guard lock(queue_mutex_);
  statistics.pending_bytes = queue_.pending_bytes;
  return statistics;
}

}  // namespace tailrace::log
