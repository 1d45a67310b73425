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
  if (from == "trim-horizon") return stream.log().first_offset(shard);
  if (from == "latest") return stream.log().end_offset(shard);
  if (auto time = parse_rfc3339(from))
    return stream.log().offset_at(
        shard, std::chrono::ceil<std::chrono::milliseconds>(time->time_since_epoch()).count());
  return Error{Fault::invalid, "from is '" + from +
                                   "'; it must be trim-horizon, latest or a time like "
                                   "2026-01-31T10:00:00Z"};
}

ShardMerge::ShardMerge(std::shared_ptr<stream::Stream> stream,
                       const std::vector<std::pair<ShardNumber, Offset>>& starts)
    : stream_(std::move(stream)),
      run_bytes_max_(
          std::max(run_bytes_min, runs_bytes_max / std::max<std::size_t>(starts.size(), 1))) {
  cursors_.reserve(starts.size());
  for (auto [shard, offset] : starts)
    cursors_.push_back({shard, offset, RecordJson{*stream_, shard}, {}, 0});
}

Result<std::size_t> ShardMerge::append_lines(Buffer& out, std::size_t records_max,
                                             std::size_t bytes_max) {
  for (std::size_t i = 0; i < cursors_.size(); ++i) {
    if (cursors_[i].holds_record()) continue;
    if (auto filled = fill(cursors_[i], out); !filled) return std::move(filled).error();
    queue(i);
  }

  std::size_t records = 0;
  while (records < records_max && out.size() < bytes_max && !ready_.empty()) {
    std::size_t earliest = ready_.top().second;
    ready_.pop();
    Cursor& cursor = cursors_[earliest];
    cursor.json.append(out, cursor.record());
    out.append('\n');
    ++records;
    ++cursor.at;
    if (!cursor.holds_record())
      if (auto filled = fill(cursor, out); !filled) return std::move(filled).error();
    queue(earliest);
  }
  return records;
}

void ShardMerge::queue(std::size_t cursor) {
  if (cursors_[cursor].holds_record()) ready_.emplace(cursors_[cursor].record().arrival_ms, cursor);
}

// The next run of a cursor that has used up its last one, if there is more.
Result<void> ShardMerge::fill(Cursor& cursor, Buffer& out) {
  cursor.run = {};
  cursor.at = 0;
  log::StreamLog& log = stream_->log();
  while (cursor.next < log.end_offset(cursor.shard)) {
    auto run = log.read(cursor.shard, cursor.next, run_records_max, run_bytes_max_);
    if (run) {
      cursor.run = std::move(*run);
      cursor.next = cursor.run.next;
      return {};
    }
    auto readable_from = readable_again(log, cursor.shard, cursor.next, run.error());
    if (!readable_from) return std::move(run).error();
    append_unreadable(out, {cursor.shard, cursor.next, *readable_from, run.error()});
    out.append('\n');
    cursor.next = *readable_from;
  }
  return {};
}

std::optional<Offset> readable_again(log::StreamLog& log, ShardNumber shard, Offset from,
                                     const Error& error) {
  std::optional<Offset> next;
  if (error.fault == Fault::corrupt) next = log.end_of_damage(shard, from);
  if (error.fault == Fault::not_found) next = log.first_offset(shard);
  // Only ever forward: an end of damage that does not lie ahead would be read for ever.
  if (next && *next <= from) next.reset();
  return next;
}

}  // namespace tailrace::admin
