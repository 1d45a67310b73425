#pragma once

#include <set>
#include <vector>

#include "stream/stream_spec.h"

namespace tailrace::stream {

// In which order a reader takes a stream's shards so that each key's records stay in order: a shard
// only after those that it was made of have been read to their end. Not thread-safe.
class ReadingOrder {
 public:
  // What may be read from now on, and counts as being read. `listed` is Stream::shards(): a parent
  // that is not among them has expired and is waited for only while it is still being read.
  std::vector<Shard> begin(const std::vector<Shard>& listed);
  // It was being read, is closed, and nothing of it is left.
  void end(ShardNumber shard);

  // False also for what ended so long ago that it has expired.
  bool has_ended(ShardNumber shard) const { return ended_.contains(shard); }

 private:
  std::set<ShardNumber> being_read_, ended_;
};

}  // namespace tailrace::stream
