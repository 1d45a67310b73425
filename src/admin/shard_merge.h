#pragma once

#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "admin/record_json.h"
#include "stream/stream.h"

namespace tailrace::admin {

// Where a reader begins: "trim-horizon", "latest" or an RFC 3339 time.
Result<Offset> start_offset(stream::Stream& stream, ShardNumber shard, const std::string& from);

// Where a shard that could not be read at `from` can be read again: behind the damage, or at the
// oldest record that retention has left. Nothing when nobody can tell.
std::optional<Offset> readable_again(log::StreamLog& log, ShardNumber shard, Offset from,
                                     const Error& error);

// Reads several shards as one sequence: each in its own order, among each other by arrival. One
// thread at a time.
class ShardMerge {
 public:
  ShardMerge(std::shared_ptr<stream::Stream> stream,
             const std::vector<std::pair<ShardNumber, Offset>>& starts);

  // Appends records that are durable now, a line each, until the limit or the size is reached.
  // Returns how many; none: there are none now. A place that cannot be read is a line too (it does
  // not count) and is stepped over; where nothing tells its end, the error is returned.
  Result<std::size_t> append_lines(Buffer& out, std::size_t records_max, std::size_t bytes_max);

 private:
  struct Cursor {
    ShardNumber shard = 0;
    Offset next = 0;  // to read from the log
    RecordJson json;
    log::Records run;
    std::size_t at = 0;  // in the run

    bool holds_record() const { return at < run.records.size(); }
    const log::Record& record() const { return run.records[at]; }
  };
  Result<void> fill(Cursor& cursor, Buffer& out);
  void queue(std::size_t cursor);

  std::shared_ptr<stream::Stream> stream_;
  std::size_t run_bytes_max_;
  std::vector<Cursor> cursors_;
  // Cursors that hold a record, the earliest arrival on top.
  using Ready = std::pair<std::int64_t, std::size_t>;
  std::priority_queue<Ready, std::vector<Ready>, std::greater<>> ready_;
};

}  // namespace tailrace::admin
