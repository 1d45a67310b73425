#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "log/format.h"

namespace tailrace::log {

// A segment as readers and retention see it. Shared: a reader may hold one that is being retired.
struct Segment {
  std::string name;
  std::uint64_t sequence = 0;
  std::uint64_t first_group = 0;
  std::uint64_t bytes = 0;
  std::int64_t arrival_max_ms = INT64_MIN;
  bool damaged = false;  // then its file is never deleted
};

// Where each shard's records are: from (shard, offset) to a block in a segment. Of sealed segments
// it holds one entry a shard, of the open one every block. Not thread-safe.
class Index {
 public:
  // A shard's blocks in one sealed segment.
  struct Run {
    std::shared_ptr<Segment> segment;
    ShardSummary summary;
    // When the segment's own index is damaged they were found by a scan and stay in memory.
    std::shared_ptr<const std::vector<Block>> blocks;
  };

  struct Shard {
    Offset first = 0;  // the oldest record still kept
    Offset end = 0;
    std::deque<Run> sealed;
    std::vector<Block> open;
    // Blocks that were found to be damaged, first offset to end.
    std::map<Offset, Offset> damaged;

    // The run that holds the offset, else the first one behind it.
    std::deque<Run>::const_iterator run_at(Offset offset) const;
    // The end of the block with this offset that is known to be damaged.
    std::optional<Offset> end_of_damaged_block(Offset offset) const;
  };

  const Shard* find(ShardNumber shard) const;
  Offset first_offset(ShardNumber shard) const;
  Offset end_offset(ShardNumber shard) const;
  // Of the shards that are not known: damage may have hidden that they had records.
  void set_unlisted_first(Offset offset) { unlisted_first_ = offset; }
  void set_unlisted_end(Offset offset) { unlisted_end_ = offset; }
  // The shard exists and its records start at `first`, whether or not a block is left.
  void begin_shard(ShardNumber shard, Offset first);
  void end_shard(ShardNumber shard, Offset end);

  void open_segment(std::shared_ptr<Segment> segment);
  const std::shared_ptr<Segment>& open_segment() const { return open_; }
  void add(ShardNumber shard, const Block& block);
  // The open segment's blocks, as its footer needs them.
  std::map<ShardNumber, const std::vector<Block>*> open_blocks() const;
  // The open segment is whole now and its index is on disk.
  void seal(const Footer& footer);
  // The open segment is whole but its index is not on disk: the blocks stay in memory.
  void seal_in_memory();
  void add_sealed(std::shared_ptr<Segment> segment, const Footer& footer);

  // The list of blocks of this run is damaged on disk; these were found by a scan.
  void replace_list(ShardNumber shard, const Segment& segment,
                    std::shared_ptr<const std::vector<Block>> blocks);

  void note_damage(ShardNumber shard, const Block& block);

  // Oldest first, the open one not among them.
  const std::deque<std::shared_ptr<Segment>>& sealed_segments() const { return sealed_; }
  // Takes the oldest segment out: the offsets it held are before first_offset() now.
  void drop_oldest();

 private:
  Shard& at(ShardNumber shard);

  std::unordered_map<ShardNumber, Shard> shards_;
  Offset unlisted_first_ = 0;
  Offset unlisted_end_ = 0;
  std::deque<std::shared_ptr<Segment>> sealed_;
  std::shared_ptr<Segment> open_;
};

// The block that holds the offset, else the first one behind it.
std::vector<Block>::const_iterator block_at(const std::vector<Block>& blocks, Offset offset);

}  // namespace tailrace::log
