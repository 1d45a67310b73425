#pragma once

#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "admin/record_json.h"
#include "stream/reading_order.h"
#include "stream/stream.h"

namespace tailrace::admin {

// Where a reader begins: "trim-horizon", "latest" or an RFC 3339 time.
Result<Offset> start_offset(stream::Stream& stream, ShardNumber shard, const std::string& from);

// Where a shard that could not be read at `from` can be read again, behind the damage. Nothing when
// nobody can tell.
std::optional<Offset> readable_again(log::StreamLog& log, ShardNumber shard, Offset from,
                                     const Error& error);
// What a reader is told who asks for records that the retention has taken.
Error past_retention(ShardNumber shard, Offset from, Offset next);

// Reads a stream's shards as one sequence: each in its own order, among each other by arrival, and
// what a shard became after the shard itself. Takes up shards that appear. One thread at a time.
class ShardMerge {
 public:
  // `starts`: where the shards begin that there are. Those that appear later are read whole.
  ShardMerge(std::shared_ptr<stream::Stream> stream, std::map<ShardNumber, Offset> starts);

  // Appends records that are durable now, a line each, until the limit or the size is reached.
  // Returns how many; none: there are none now. A place that cannot be read is a line too (it does
  // not count) and is stepped over; where nothing tells its end, the error is returned.
  Result<std::size_t> append_lines(Buffer& out, std::size_t records_max, std::size_t bytes_max);

 private:
  struct Cursor {
    ShardNumber shard = 0;
    Offset next = 0;  // to read from the stream
    RecordJson json;
    log::Records run;
    std::size_t at = 0;  // in the run

    bool holds_record() const { return at < run.records.size(); }
    const log::Record& record() const { return run.records[at]; }
  };
  std::vector<ShardNumber> begin_shards();
  Result<void> refill(std::vector<ShardNumber> shards, Buffer& out);
  Result<bool> fill(Cursor& cursor, Buffer& out);
  void step_over(Cursor& cursor, Offset next, const Error& why, Buffer& out);

  std::shared_ptr<stream::Stream> stream_;
  const std::map<ShardNumber, Offset> starts_;
  stream::ReadingOrder order_;
  std::map<ShardNumber, Cursor> cursors_;
  // Cursors that hold a record, the earliest arrival on top.
  using Ready = std::pair<std::int64_t, ShardNumber>;
  std::priority_queue<Ready, std::vector<Ready>, std::greater<>> ready_;
};

}  // namespace tailrace::admin
