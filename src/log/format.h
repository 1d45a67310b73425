#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/byte_reader.h"
#include "base/result.h"
#include "log/batch.h"
#include "record/sequence_number.h"

// The bytes of a segment file, as docs/log-format.md draws them: structures to bytes and back.
// Every decoder takes bytes from outside: it believes nothing before the checksum and allocates
// nothing that the bytes at hand could not fill.
namespace tailrace::log {

inline constexpr std::uint32_t format_version = 1;

// A file cannot be read further than its content; a header that claims to be longer is damage.
inline constexpr std::size_t segment_prefix_bytes = 24;
inline constexpr std::size_t group_prefix_bytes = 40;
inline constexpr std::size_t group_header_bytes_min = 68;
inline constexpr std::size_t trailer_bytes = 32;
inline constexpr std::size_t list_entry_bytes = 52;
inline constexpr std::size_t frame_length_bytes = 4;
inline constexpr std::size_t frame_bytes_min = 15;
inline constexpr std::size_t mark_value_bytes_max = 1u << 20;

// How a block's bytes are stored. Compression will be other numbers.
inline constexpr std::uint8_t codec_none = 0;

// "00000000000000000001.seg" and back.
std::string segment_name(std::uint64_t first_group);
std::optional<std::uint64_t> parse_segment_name(std::string_view name);

// One shard's records inside a group.
struct Block {
  Offset first = 0;
  std::uint32_t count = 0;
  std::uint32_t crc = 0;
  std::uint64_t position = 0;  // in the file
  std::uint64_t length = 0;
  std::int64_t arrival_min_ms = 0;
  std::int64_t arrival_max_ms = 0;
  std::uint8_t codec = codec_none;

  Offset end() const { return first + count; }
  bool operator==(const Block&) const = default;
};

struct ShardBlock {
  ShardNumber shard = 0;
  Block block;
  bool operator==(const ShardBlock&) const = default;
};

// Where the log stands at the border of two groups, apart from its records.
struct State {
  std::uint64_t next_group = 1;
  std::uint64_t last_ticket = 0;
  std::map<ShardNumber, Offset> next;  // the offset that the shard's next record gets
  // For shards that never had a record. Above zero only after damage hid which shards had some.
  Offset next_of_unlisted = 0;
  Marks marks;

  Offset next_of(ShardNumber shard) const {
    auto found = next.find(shard);
    return found == next.end() ? next_of_unlisted : found->second;
  }
  bool operator==(const State&) const = default;
};

struct SegmentHeader {
  std::uint64_t incarnation = 0;
  std::uint64_t sequence = 0;  // counts segments from 1
  State state;                 // before the segment's first group
  bool operator==(const SegmentHeader&) const = default;
};

Buffer encode(const SegmentHeader& header);
// The length of the whole header, from its first segment_prefix_bytes. Nothing if they are none.
std::optional<std::uint64_t> segment_header_length(std::string_view prefix);
// Fault::corrupt when damaged, Fault::conflict when it is whole but of a newer format.
Result<SegmentHeader> decode_segment_header(std::string_view bytes);

struct GroupHeader {
  std::uint64_t number = 0;
  std::uint64_t last_ticket = 0;
  std::uint64_t position = 0;    // of the group in its file
  std::uint64_t synced_end = 0;  // the file was known to be durable up to here
  std::int64_t written_micros = 0;
  std::uint64_t header_length = 0;
  std::uint64_t length = 0;  // with header and blocks
  Marks marks;
  std::vector<ShardBlock> blocks;

  std::uint64_t end() const { return position + length; }
  bool operator==(const GroupHeader&) const = default;
};

// What encode() will need, so that the blocks' positions are known before their checksums.
std::size_t group_header_bytes(const Marks& marks, std::size_t blocks);
Buffer encode(const GroupHeader& header, std::uint64_t incarnation);
// From its first group_prefix_bytes; nothing when they are not those of a group at this position.
// Records may hold bytes that look like groups, and a search among them must not cost much.
std::optional<std::uint64_t> group_header_length(std::string_view prefix, std::uint64_t position);
// The whole header, which stands at `position`.
std::optional<GroupHeader> decode_group_header(std::string_view bytes, std::uint64_t incarnation,
                                               std::uint64_t position);
// A group's first bytes, to look for in a damaged file.
std::string_view group_magic();

// Where the checksum of a block starts: a whole block at another place, of another shard or of
// another stream does not fit.
std::uint32_t block_seed(std::uint64_t incarnation, ShardNumber shard, Offset first,
                         std::uint64_t position);

// One shard of a sealed segment.
struct ShardSummary {
  ShardNumber shard = 0;
  Offset first = 0;
  Offset end = 0;
  std::int64_t arrival_min_ms = 0;
  std::int64_t arrival_max_ms = 0;
  std::uint64_t list_position = 0;  // of its list of blocks
  std::uint32_t list_blocks = 0;
  std::uint32_t list_crc = 0;
  bool operator==(const ShardSummary&) const = default;
};

// The end of a sealed segment: lists of blocks, the directory of these lists, the trailer.
struct Footer {
  std::uint64_t incarnation = 0;
  std::uint64_t sequence = 0;
  std::uint64_t first_group = 0;
  std::uint64_t position = 0;  // where the groups end and the lists begin
  std::uint64_t groups = 0;
  std::uint64_t records = 0;
  State state;  // after the last group
  std::vector<ShardSummary> shards;
  bool operator==(const Footer&) const = default;
};

// Fills in footer.shards from the blocks (of each shard sorted by offset) and gives the bytes that
// belong at footer.position.
Buffer encode(Footer& footer, const std::map<ShardNumber, const std::vector<Block>*>& blocks);

struct DirectoryPlace {
  std::uint64_t position = 0;
  std::uint64_t length = 0;
};
// From the last trailer_bytes of a file of this size.
std::optional<DirectoryPlace> decode_trailer(std::string_view bytes, std::uint64_t file_size);
std::optional<Footer> decode_directory(std::string_view bytes, std::uint64_t position);
std::optional<std::vector<Block>> decode_block_list(std::string_view bytes,
                                                    const ShardSummary& summary);

// A record inside a block; the views point into the block.
struct Frame {
  std::int64_t arrival_ms = 0;
  std::string_view partition_key;
  std::string_view payload;
};
// Reads one frame after the other.
class FrameReader {
 public:
  explicit FrameReader(std::string_view bytes) : in_(bytes) {}
  // Nothing when the bytes are no whole frame.
  std::optional<Frame> next();
  bool at_end() const { return in_.at_end(); }

 private:
  ByteReader in_;
};
// Nothing unless the bytes are exactly `count` whole frames.
std::optional<std::vector<Frame>> parse_frames(std::string_view bytes, std::uint32_t count);

}  // namespace tailrace::log
