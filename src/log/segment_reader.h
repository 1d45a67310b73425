#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "log/format.h"

namespace tailrace::log {

// A segment file and what its two ends say. Damage leaves `header` or `footer` empty; errors are
// only those of the disk, and a whole header that is not ours to read.
struct SegmentFile {
  std::string name;
  std::uint64_t first_group = 0;  // by its name
  std::shared_ptr<File> file;
  std::uint64_t size = 0;
  std::optional<SegmentHeader> header;
  std::uint64_t header_length = 0;
  std::optional<Footer> footer;

  // Where the groups end at the latest.
  std::uint64_t groups_end() const { return footer ? footer->position : size; }
};

// Fault::conflict when the header is of a newer format, or of another segment than the name says.
Result<SegmentFile> load_segment(Directory& directory, const std::string& name);

// One shard's list of blocks from a sealed segment; Fault::corrupt when it is damaged.
Result<std::vector<Block>> read_block_list(File& file, const ShardSummary& summary);

// The footer of the last segment may be one that a crash interrupted: then it is no footer, however
// whole its directory is, and the segment is not sealed yet.
Result<void> drop_unfinished_footer(SegmentFile& segment);

struct DamagedRange {
  std::uint64_t position = 0;
  std::uint64_t bytes = 0;
  std::string what;
};

struct Scan {
  std::uint64_t end = 0;         // past the last group
  std::uint64_t torn_end = 0;    // past the last byte that is not zero: above `end`, a torn group
  std::uint64_t synced_end = 0;  // the file is known to have been durable up to here
  std::uint64_t groups = 0;
  std::uint64_t records = 0;
  std::vector<DamagedRange> damage;
};

// Reads the groups of a segment one by one and checks every byte of them.
//
// `state` is the one before the first group; each group moves it on. `each` sees the groups that
// count, with the indices of their damaged blocks. `successor` is the first group of the segment
// that follows. Then this one was whole and durable before, and bytes that are no whole group are
// damage. In the last segment they are a torn tail, as a crash in mid-write leaves, unless a later
// group proves by its synced_end that they had been durable. The scan goes on behind damage, and
// shards whose records it may have hidden get a gap in their offsets, wide enough that no offset is
// given twice.
Result<Scan> scan_groups(
    const SegmentFile& segment, std::uint64_t incarnation, std::optional<std::uint64_t> successor,
    State& state,
    const std::function<void(const GroupHeader&, const std::vector<std::size_t>&)>& each);

}  // namespace tailrace::log
