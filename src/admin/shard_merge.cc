#include "admin/shard_merge.h"

#include <algorithm>

#include "base/rfc3339.h"

namespace tailrace::admin {

namespace {

// What all runs together may hold in memory, and the least that makes a read worth its while.
constexpr std::size_t runs_bytes_max = 4u << 20;
constexpr std::size_t run_bytes_min = 16u << 10;
constexpr std::size_t run_records_max = 4096;

}  // namespace

Result<Offset> start_offset(stream::Stream& stream, ShardNumber shard, const std::string& from) {
  if (from == "trim-horizon") return stream.horizon(shard);
  if (from == "latest") return stream.latest(shard);
  if (auto time = parse_rfc3339(from))
    return stream.offset_at(
        shard, std::chrono::ceil<std::chrono::milliseconds>(time->time_since_epoch()).count());
  return Error{Fault::invalid, "from is '" + from +
                                   "'; it must be trim-horizon, latest or a time like "
                                   "2026-01-31T10:00:00Z"};
}

ShardMerge::ShardMerge(std::shared_ptr<stream::Stream> stream, std::map<ShardNumber, Offset> starts)
    : stream_(std::move(stream)), starts_(std::move(starts)) {
  begin_shards();
}

Result<std::size_t> ShardMerge::append_lines(Buffer& out, std::size_t records_max,
                                             std::size_t bytes_max) {
  std::vector<ShardNumber> empty;
  for (const auto& [shard, cursor] : cursors_)
    if (!cursor.holds_record()) empty.push_back(shard);
  if (auto filled = refill(std::move(empty), out); !filled) return std::move(filled).error();

  std::size_t records = 0;
  while (records < records_max && out.size() < bytes_max && !ready_.empty()) {
    Cursor& earliest = cursors_.at(ready_.top().second);
    ready_.pop();
    earliest.json.append(out, earliest.record());
    out.append('\n');
    ++records;
    ++earliest.at;
    if (earliest.holds_record())
      ready_.emplace(earliest.record().arrival_ms, earliest.shard);
    else if (auto filled = refill({earliest.shard}, out); !filled)
      return std::move(filled).error();
  }
  return records;
}

// The new cursors hold no record yet.
std::vector<ShardNumber> ShardMerge::begin_shards() {
  std::vector<ShardNumber> begun;
  for (const stream::Shard& shard : order_.begin(stream_->shards())) {
    auto start = starts_.find(shard.number);
    Offset next = start == starts_.end() ? 0 : start->second;
    cursors_.emplace(shard.number, Cursor{shard.number, next, RecordJson{shard}, {}, 0});
    begun.push_back(shard.number);
  }
  return begun;
}

// Reads on for cursors that have used up their last run, and for what ended shards became.
Result<void> ShardMerge::refill(std::vector<ShardNumber> shards, Buffer& out) {
  while (!shards.empty()) {
    ShardNumber shard = shards.back();
    shards.pop_back();
    Cursor& cursor = cursors_.at(shard);
    auto ended = fill(cursor, out);
    if (!ended) return std::move(ended).error();
    if (*ended) {
      cursors_.erase(shard);
      order_.end(shard);
      for (ShardNumber child : begin_shards()) shards.push_back(child);
    } else if (cursor.holds_record()) {
      ready_.emplace(cursor.record().arrival_ms, shard);
    }
  }
  return {};
}

// True: the shard is closed, and there is no next run.
Result<bool> ShardMerge::fill(Cursor& cursor, Buffer& out) {
  cursor.run = {};
  cursor.at = 0;
  std::size_t run_bytes_max = std::max(run_bytes_min, runs_bytes_max / cursors_.size());
  for (;;) {
    auto read = stream_->read(cursor.shard, cursor.next, run_records_max, run_bytes_max);
    if (!read) {
      if (stream_->has_expired(cursor.shard)) {
        Offset end = stream_->latest(cursor.shard);
        step_over(cursor, end, past_retention(cursor.shard, cursor.next, end), out);
        return true;
      }
      auto next = readable_again(stream_->log(), cursor.shard, cursor.next, read.error());
      if (!next) return std::move(read).error();
      step_over(cursor, *next, read.error(), out);
      continue;
    }
    log::Records& run = read->records;
    Offset first = run.records.empty() ? read->next : run.records.front().offset;
    step_over(cursor, first, past_retention(cursor.shard, cursor.next, first), out);
    cursor.next = read->next;
    if (run.records.empty()) return read->ended;
    cursor.run = std::move(run);
    return false;
  }
}

// Nothing when it lies not ahead.
void ShardMerge::step_over(Cursor& cursor, Offset next, const Error& why, Buffer& out) {
  if (next <= cursor.next) return;
  append_unreadable(out, {cursor.shard, cursor.next, next, why});
  out.append('\n');
  cursor.next = next;
}

std::optional<Offset> readable_again(log::StreamLog& log, ShardNumber shard, Offset from,
                                     const Error& error) {
  if (error.fault != Fault::corrupt) return std::nullopt;
  auto next = log.end_of_damage(shard, from);
  // Only ever forward: an end of damage that does not lie ahead would be read for ever.
  if (next && *next <= from) next.reset();
  return next;
}

Error past_retention(ShardNumber shard, Offset from, Offset next) {
  return {Fault::not_found, shard_id(shard) + ": the records from " + std::to_string(from) +
                                " to " + std::to_string(next - 1) + " are past the retention"};
}

}  // namespace tailrace::admin
