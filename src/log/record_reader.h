#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "log/format.h"
#include "log/index.h"
#include "log/lru_cache.h"
#include "log/stream_log.h"

namespace tailrace::log {

// The side of the log that is read: an index of the records that are durable, over the segment
// files. Any thread may read, while one writer adds segments and groups and one thread at a time
// retires the oldest.
class RecordReader {
 public:
  RecordReader(Directory& directory, std::string stream, std::uint64_t incarnation, Index index,
               std::vector<StreamLog::Damage> damage);

  // As StreamLog promises them.
  Result<Records> read(ShardNumber shard, Offset from, std::size_t records_max,
                       std::size_t bytes_max);
  Offset first_offset(ShardNumber shard) const;
  Offset end_offset(ShardNumber shard) const;
  Result<Offset> offset_at(ShardNumber shard, std::int64_t arrival_ms);
  std::optional<Offset> end_of_damage(ShardNumber shard, Offset from) const;
  std::vector<StreamLog::Damage> damage() const;

  // The writer's side. What it publishes is durable, as far as the stream promises that.
  void begin_segment(std::shared_ptr<Segment> segment);
  void publish(const GroupHeader& group, std::uint64_t segment_bytes);
  // What the open segment's footer tells. Only the writer changes its blocks, so they stay where
  // they are until it publishes or seals.
  struct OpenSegment {
    std::uint64_t first_group = 0;
    std::map<ShardNumber, const std::vector<Block>*> blocks;
  };
  OpenSegment open_segment() const;
  void seal_segment(const Footer& footer, std::uint64_t segment_bytes);

  // Retention's side.
  struct Retired {
    std::vector<std::shared_ptr<Segment>> segments;  // oldest first; their files are still there
    bool open_is_old = false;                        // the open one could go too, once it is sealed
  };
  // Takes out the segments whose records are all older, or beyond the size.
  Retired retire(std::int64_t arrived_before_ms, std::uint64_t bytes_max);
  bool is_damaged(const Segment& segment) const;
  // Lets go of what is kept of its file.
  void forget(const Segment& segment);

  struct Size {
    std::size_t segments = 0;
    std::uint64_t bytes = 0;
  };
  Size size() const;

 private:
  // Blocks of a shard from an offset on. The first holds it or, when the records in between are
  // lost, lies behind it; none is left when `next` is the end.
  struct Located {
    std::shared_ptr<Segment> segment;
    std::vector<Block> blocks;
    Offset next = 0;
  };

  Result<Located> locate(ShardNumber shard, Offset from) const;
  Result<std::shared_ptr<const std::vector<Block>>> list_of(const Index::Run& run) const;
  Result<std::shared_ptr<const std::vector<Block>>> rebuild_list(const Index::Run& run) const;
  Result<std::shared_ptr<File>> file_of(const Segment& segment) const;
  Result<std::shared_ptr<const Buffer>> block_bytes(Segment& segment, ShardNumber shard,
                                                    const Block& block) const;
  void note_damage(Segment& segment, std::uint64_t position, std::uint64_t bytes,
                   const std::string& what) const;
  Error trimmed_error(ShardNumber shard, Offset from, Offset first) const;
  Error lost_error(ShardNumber shard, Offset from, Offset end) const;
  Size size_locked() const;

  Directory& directory_;
  const std::string stream_;
  const std::uint64_t incarnation_;

  // Damage is also found by reading, which is const to its callers.
  mutable std::shared_mutex mutex_;
  mutable Index index_;
  mutable std::vector<StreamLog::Damage> damage_;
  mutable LruCache<File> files_;
  mutable LruCache<const std::vector<Block>> lists_;
  mutable LruCache<const Buffer> blocks_;
};

}  // namespace tailrace::log
