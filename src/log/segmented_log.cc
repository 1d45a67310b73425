#include "log/segmented_log.h"

#include <pthread.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/crc32c.h"
#include "log/segment_reader.h"

namespace tailrace::log {
namespace {

// Bounds how long a group's write and sync take, and so how long the next one waits.
constexpr std::size_t group_bytes_max = 8u << 20;

// A full disk says nothing when it has room again.
constexpr std::chrono::milliseconds room_retry_interval{200};

// Open files of sealed segments; lists of blocks in entries; blocks in bytes. A reader in small
// steps would read and check a large block again at each of them.
constexpr std::size_t files_max = 64;
constexpr std::size_t lists_max = 64, list_blocks_max = 1u << 17;
constexpr std::size_t blocks_max = 8, block_bytes_max = 16u << 20;
constexpr std::size_t cached_block_bytes_min = 64u << 10;

// So many blocks are looked up at once.
constexpr std::size_t located_blocks_max = 64;

std::uint64_t micros_between(std::chrono::steady_clock::time_point from,
                             std::chrono::steady_clock::time_point to) {
  auto micros = std::chrono::duration_cast<std::chrono::microseconds>(to - from).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(micros, 0));
}

std::string range_text(Offset from, Offset end) {
  return std::to_string(from) + " to " + std::to_string(end - 1);
}

}  // namespace

SegmentedLog::SegmentedLog(Directory& directory, Options options, Clock& clock, Recovered recovered)
    : directory_(directory),
      options_(std::move(options)),
      clock_(clock),
      notes_(std::move(recovered.notes)),
      files_(files_max, files_max),
      lists_(lists_max, list_blocks_max),
      blocks_(blocks_max, block_bytes_max),
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
  published_.index = std::move(recovered.index);
  published_.marks = state_.marks;
  published_.damage = std::move(recovered.damage);
  published_.statistics.groups = recovered.groups;
  published_.statistics.records = recovered.records;
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
  bool wake = std::exchange(queue_.writer_waits, false);
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
    if (!queue_.batches.empty() && (queue_.flushed || queue_.stopping)) break;
    if (queue_.stopping) return false;
    if (rotates) {
      lock.unlock();
      if (!rotate()) return false;
      lock.lock();
      continue;
    }
    queue_.writer_waits = true;
    if (sync_waits())
      work_.wait_until(lock, sync_due_);
    else
      work_.wait(lock);
    queue_.writer_waits = false;
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
  // Only this thread changes the open segment's blocks, so they stay while no lock is held.
  std::map<ShardNumber, const std::vector<Block>*> blocks;
  {
    std::shared_lock lock(published_mutex_);
    footer.first_group = published_.index.open_segment()->first_group;
    blocks = published_.index.open_blocks();
  }
  auto sealed = writer_.seal(footer, blocks);
  note_synced();
  if (!sealed) return sealed;
  std::unique_lock lock(published_mutex_);
  published_.index.open_segment()->bytes = writer_.position();
  published_.index.seal(footer);
  return {};
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
  std::unique_lock lock(published_mutex_);
  published_.index.open_segment(std::move(segment));
  return {};
}

Result<void> SegmentedLog::timed_sync() {
  auto started = clock_.steady();
  auto synced = writer_.sync();
  sync_due_ = std::chrono::steady_clock::now() + options_.sync_interval;
  std::unique_lock lock(published_mutex_);
  ++published_.statistics.syncs;
  published_.statistics.sync_micros += micros_between(started, clock_.steady());
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
  if (synced_.exchange(state_.last_ticket) != state_.last_ticket) wake_subscribers();
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
  {
    std::unique_lock lock(published_mutex_);
    for (const auto& [shard, block] : header.blocks) published_.index.add(shard, block);
    for (const auto& [key, value] : header.marks) published_.marks.insert_or_assign(key, value);
    published_.index.open_segment()->bytes = writer_.position();
    ++published_.statistics.groups;
    published_.statistics.records += records;
    published_.statistics.write_micros += write_micros;
  }
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

// ---- reading

Result<Records> SegmentedLog::read(ShardNumber shard, Offset from, std::size_t records_max,
                                   std::size_t bytes_max) {
  records_max = std::max<std::size_t>(records_max, 1);
  Records out;
  out.next = from;
  std::size_t bytes = 0;
  for (;;) {
    auto located = locate(shard, out.next);
    // What was read before the trouble is given first; the trouble shows at the next call.
    if (!located && !out.records.empty()) return out;
    if (!located) return std::move(located).error();
    if (located->blocks.empty() && located->next == out.next) return out;
    if (located->blocks.empty() || located->blocks.front().first > out.next) {
      if (!out.records.empty()) return out;
      return lost_error(shard, out.next, located->next);
    }
    for (const Block& block : located->blocks) {
      if (block.first > out.next) break;
      auto data = block_bytes(*located->segment, shard, block);
      if (!data && !out.records.empty()) return out;
      if (!data) return std::move(data).error();
      bool used = false;
      FrameReader frames((*data)->view());
      for (Offset offset = block.first; offset < block.end(); ++offset) {
        auto frame = frames.next();
        // The checksum fits, so a writer of another kind wrote this.
        if (!frame)
          return Error{Fault::corrupt, located->segment->name + ", file position " +
                                           std::to_string(block.position) +
                                           ": a block that holds no records in this format"};
        if (offset < out.next) continue;
        bytes += frame->partition_key.size() + frame->payload.size();
        bool enough = out.records.size() == records_max || bytes > bytes_max;
        if (enough && !out.records.empty()) {
          if (used) out.bytes.push_back(*data);
          return out;
        }
        out.records.push_back({offset, frame->arrival_ms, frame->partition_key, frame->payload});
        out.next = offset + 1;
        used = true;
      }
      out.bytes.push_back(std::move(*data));
    }
    if (out.records.size() >= records_max || bytes >= bytes_max) return out;
  }
}

Offset SegmentedLog::first_offset(ShardNumber shard) const {
  std::shared_lock lock(published_mutex_);
  return published_.index.first_offset(shard);
}

Offset SegmentedLog::end_offset(ShardNumber shard) const {
  std::shared_lock lock(published_mutex_);
  return published_.index.end_offset(shard);
}

Result<Offset> SegmentedLog::offset_at(ShardNumber shard, std::int64_t arrival_ms) {
  for (;;) {
    std::optional<Index::Run> run;
    std::shared_ptr<Segment> segment;
    std::optional<Block> block;
    {
      std::shared_lock lock(published_mutex_);
      const Index::Shard* found = published_.index.find(shard);
      if (found == nullptr) return published_.index.end_offset(shard);
      for (const Index::Run& candidate : found->sealed)
        if (!run && candidate.summary.arrival_max_ms >= arrival_ms) run = candidate;
      if (!run) {
        auto first = std::find_if(found->open.begin(), found->open.end(),
                                  [&](const Block& b) { return b.arrival_max_ms >= arrival_ms; });
        if (first == found->open.end()) return found->end;
        block = *first;
        segment = published_.index.open_segment();
      }
    }
    if (run) {
      segment = run->segment;
      auto list = list_of(*run);
      if (!list && first_offset(shard) >= run->summary.end) continue;
      if (!list) return std::move(list).error();
      auto first = std::find_if((*list)->begin(), (*list)->end(),
                                [&](const Block& b) { return b.arrival_max_ms >= arrival_ms; });
      // Only when a scan found fewer blocks than the footer told of.
      if (first == (*list)->end()) return run->summary.end;
      block = *first;
    }
    if (block->arrival_min_ms >= arrival_ms) return block->first;
    auto data = block_bytes(*segment, shard, *block);
    if (!data) {
      // Retired meanwhile: look again. Damaged: reading there will say so, with the way past it.
      if (first_offset(shard) >= block->end()) continue;
      if (data.error().fault == Fault::corrupt) return block->first;
      return std::move(data).error();
    }
    FrameReader frames((*data)->view());
    for (Offset offset = block->first; offset < block->end(); ++offset) {
      auto frame = frames.next();
      if (!frame || frame->arrival_ms >= arrival_ms) return offset;
    }
    return block->end();
  }
}

std::optional<Offset> SegmentedLog::end_of_damage(ShardNumber shard, Offset from) const {
  {
    std::shared_lock lock(published_mutex_);
    if (const Index::Shard* found = published_.index.find(shard))
      if (auto end = found->end_of_damaged_block(from)) return end;
  }
  auto located = locate(shard, from);
  if (!located || located->next == from) return std::nullopt;
  return located->next;
}

Result<SegmentedLog::Located> SegmentedLog::locate(ShardNumber shard, Offset from) const {
  Located located;
  auto take = [&](const std::vector<Block>& blocks) {
    auto begin = block_at(blocks, from);
    auto left = static_cast<std::size_t>(blocks.end() - begin);
    located.blocks.assign(begin,
                          begin + static_cast<std::ptrdiff_t>(std::min(left, located_blocks_max)));
    if (left > 0) located.next = std::max(from, begin->first);
  };
  std::optional<Index::Run> run;
  {
    std::shared_lock lock(published_mutex_);
    const Index& index = published_.index;
    Offset first = index.first_offset(shard);
    if (from < first) return trimmed_error(shard, from, first);
    located.next = std::max(from, index.end_offset(shard));
    const Index::Shard* found = index.find(shard);
    if (found == nullptr || from >= found->end) {
      located.next = std::max(from, index.end_offset(shard));
      return located;
    }
    auto at = found->run_at(from);
    if (at == found->sealed.end()) {
      located.segment = index.open_segment();
      take(found->open);
      return located;
    }
    run = *at;
  }
  located.segment = run->segment;
  auto list = list_of(*run);
  if (!list) {
    Offset first = first_offset(shard);
    if (from < first) return trimmed_error(shard, from, first);
    return std::move(list).error();
  }
  located.next = run->summary.end;
  take(**list);
  return located;
}

Result<std::shared_ptr<const std::vector<Block>>> SegmentedLog::list_of(
    const Index::Run& run) const {
  if (run.blocks) return run.blocks;
  if (auto list = lists_.find(run.segment->sequence, run.summary.list_position)) return list;
  auto file = file_of(*run.segment);
  if (!file) return std::move(file).error();
  auto list = read_block_list(**file, run.summary);
  if (!list && list.error().fault == Fault::corrupt) {
    note_damage(
        *run.segment, run.summary.list_position,
        run.summary.list_blocks * std::uint64_t{list_entry_bytes},
        "the index of shard " + std::to_string(run.summary.shard) + "; no record is lost by it");
    return rebuild_list(run);
  }
  if (!list) return std::move(list).error();
  auto shared = std::make_shared<const std::vector<Block>>(std::move(*list));
  lists_.keep(run.segment->sequence, run.summary.list_position, shared, shared->size());
  return shared;
}

// The index is only a copy of what the groups' headers say.
Result<std::shared_ptr<const std::vector<Block>>> SegmentedLog::rebuild_list(
    const Index::Run& run) const {
  auto file = load_segment(directory_, run.segment->name);
  if (!file) return std::move(file).error();
  State state;
  if (file->header) state = file->header->state;
  state.next_group = file->first_group;
  auto blocks = std::make_shared<std::vector<Block>>();
  auto scan = scan_groups(*file, options_.incarnation, state.next_group, state,
                          [&](const GroupHeader& group, const std::vector<std::size_t>&) {
                            for (const auto& [shard, block] : group.blocks)
                              if (shard == run.summary.shard) blocks->push_back(block);
                          });
  if (!scan) return std::move(scan).error();
  std::unique_lock lock(published_mutex_);
  published_.index.replace_list(run.summary.shard, *run.segment, blocks);
  return std::shared_ptr<const std::vector<Block>>(std::move(blocks));
}

Result<std::shared_ptr<File>> SegmentedLog::file_of(const Segment& segment) const {
  if (auto file = files_.find(segment.sequence, 0)) return file;
  auto file = directory_.open(segment.name, Directory::Open::existing);
  if (!file) return std::move(file).error();
  std::shared_ptr<File> shared = std::move(*file);
  files_.keep(segment.sequence, 0, shared, 1);
  return shared;
}

Result<std::shared_ptr<const Buffer>> SegmentedLog::block_bytes(Segment& segment, ShardNumber shard,
                                                                const Block& block) const {
  if (auto cached = blocks_.find(segment.sequence, block.position)) return cached;
  std::string place = segment.name + ", file position " + std::to_string(block.position);
  Result<void> read;
  auto bytes = std::make_shared<Buffer>();
  auto file = file_of(segment);
  if (!file) {
    read = std::move(file).error();
  } else {
    char* room = bytes->room(block.length);
    read = (*file)->read(block.position, room, block.length);
    bytes->wrote(block.length);
  }
  if (!read) {
    Offset first = first_offset(shard);
    if (block.end() <= first) return trimmed_error(shard, block.first, first);
    bool is_lost = read.error().fault == Fault::corrupt || read.error().fault == Fault::not_found;
    if (!is_lost) return std::move(read).error().during("read " + place);
  }
  std::string range =
      "shard " + std::to_string(shard) + ", offsets " + range_text(block.first, block.end());
  std::uint32_t seed = block_seed(options_.incarnation, shard, block.first, block.position);
  if (!read || crc32c(bytes->view(), seed) != block.crc) {
    note_damage(segment, block.position, block.length, range + " are unreadable");
    std::unique_lock lock(published_mutex_);
    published_.index.note_damage(shard, block);
    return Error{Fault::corrupt, "stream " + options_.name + ": " + place +
                                     " is damaged: " + range + " cannot be read"};
  }
  if (block.codec != codec_none)
    return Error{Fault::conflict, place + " is compressed with codec " +
                                      std::to_string(block.codec) +
                                      ", which this version does not read: run a newer one"};
  std::shared_ptr<const Buffer> shared = std::move(bytes);
  if (block.length >= cached_block_bytes_min)
    blocks_.keep(segment.sequence, block.position, shared, block.length);
  return shared;
}

void SegmentedLog::note_damage(Segment& segment, std::uint64_t position, std::uint64_t bytes,
                               const std::string& what) const {
  std::unique_lock lock(published_mutex_);
  segment.damaged = true;
  for (const Damage& known : published_.damage)
    if (known.segment == segment.name && known.file_position == position) return;
  published_.damage.push_back({segment.name, position, bytes, what});
}

Error SegmentedLog::trimmed_error(ShardNumber shard, Offset from, Offset first) const {
  return Error{Fault::not_found, "stream " + options_.name + ", shard " + std::to_string(shard) +
                                     ": offset " + std::to_string(from) +
                                     " is trimmed, the oldest is " + std::to_string(first)};
}

Error SegmentedLog::lost_error(ShardNumber shard, Offset from, Offset end) const {
  return Error{Fault::corrupt, "stream " + options_.name + ", shard " + std::to_string(shard) +
                                   ": the offsets " + range_text(from, end) +
                                   " are lost with a damaged or missing part of the log"};
}

// ---- the rest

std::optional<std::string> SegmentedLog::mark(std::string_view key) const {
  std::shared_lock lock(published_mutex_);
  auto found = published_.marks.find(key);
  if (found == published_.marks.end()) return std::nullopt;
  return found->second;
}

Marks SegmentedLog::marks() const {
  std::shared_lock lock(published_mutex_);
  return published_.marks;
}

Result<std::size_t> SegmentedLog::retire(std::int64_t arrived_before_ms, std::uint64_t bytes_max) {
  std::lock_guard retiring(retire_mutex_);
  std::size_t count = 0;
  if (abandoned_) return count;
  bool open_is_old = false;
  {
    std::unique_lock lock(published_mutex_);
    Index& index = published_.index;
    std::uint64_t bytes = index.open_segment() ? index.open_segment()->bytes : 0;
    for (const auto& segment : index.sealed_segments()) bytes += segment->bytes;
    // The newest segment tells the next offsets and the marks: it stays, sealed or open.
    std::size_t kept = index.open_segment() ? 0 : 1;
    while (index.sealed_segments().size() > kept) {
      std::shared_ptr<Segment> oldest = index.sealed_segments().front();
      bool is_old = oldest->arrival_max_ms < arrived_before_ms;
      bool is_too_much = bytes_max > 0 && bytes > bytes_max;
      if (!is_old && !is_too_much) break;
      bytes -= oldest->bytes;
      index.drop_oldest();
      retired_.push_back(std::move(oldest));
      ++count;
    }
    const auto& open = index.open_segment();
    open_is_old = open && open->arrival_max_ms != INT64_MIN &&  // it has records
                  open->arrival_max_ms < arrived_before_ms;
  }
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
    bool damaged;
    {
      std::shared_lock lock(published_mutex_);
      damaged = segment.damaged;
    }
    auto removed = damaged ? directory_.rename(segment.name, segment.name + ".damaged")
                           : directory_.remove(segment.name);
    if (!removed && removed.error().fault != Fault::not_found)
      return std::move(removed).error().during("retire a segment");
    if (auto synced = directory_.sync(); !synced)
      return std::move(synced).error().during("retire a segment");
    files_.forget(segment.sequence);
    lists_.forget(segment.sequence);
    blocks_.forget(segment.sequence);
    retired_.pop_front();
  }
  return {};
}

std::vector<StreamLog::Damage> SegmentedLog::damage() const {
  std::shared_lock lock(published_mutex_);
  return published_.damage;
}

std::optional<Error> SegmentedLog::fenced() const {
  std::lock_guard lock(queue_mutex_);
  return queue_.fenced;
}

StreamLog::Statistics SegmentedLog::statistics() const {
  Statistics statistics;
  {
    std::shared_lock lock(published_mutex_);
    statistics = published_.statistics;
    const Index& index = published_.index;
    for (const auto& segment : index.sealed_segments()) statistics.bytes += segment->bytes;
    statistics.segments = index.sealed_segments().size();
    if (index.open_segment()) {
      statistics.bytes += index.open_segment()->bytes;
      ++statistics.segments;
    }
  }
  std::lock_guard lock(queue_mutex_);
  statistics.pending_bytes = queue_.pending_bytes;
  return statistics;
}

}  // namespace tailrace::log
