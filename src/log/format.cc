#include "log/format.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <limits>

#include "base/check.h"
#include "base/crc32c.h"

namespace tailrace::log {
namespace {

constexpr std::string_view segment_magic{"\x89TRLSEG\n", 8};
constexpr std::string_view group_magic_bytes{"\xD7RGp", 4};
constexpr std::string_view directory_magic{"\x89TRLDIR\n", 8};
constexpr std::string_view trailer_magic{"TRLSEAL\n", 8};
constexpr std::string_view segment_suffix{".seg"};

constexpr std::size_t block_entry_bytes = 48;
constexpr std::size_t summary_bytes = 52;
constexpr std::size_t checksum_bytes = 4;

// The part of a segment header that its checksum covers starts here.
constexpr std::size_t segment_covered_from = 12;

std::uint32_t seed_of(std::uint64_t incarnation, std::uint64_t position) {
  std::uint64_t words[2] = {incarnation, position};
  return crc32c({reinterpret_cast<const char*>(words), sizeof words});
}

void append_marks(Buffer& out, const Marks& marks) {
  out.append_le(static_cast<std::uint32_t>(marks.size()));
  for (const auto& [key, value] : marks) {
    out.append_le(static_cast<std::uint16_t>(key.size()));
    out.append_le(static_cast<std::uint32_t>(value.size()));
    out.append(key);
    out.append(value);
  }
}

Marks read_marks(ByteReader& in) {
  Marks marks;
  auto count = in.le<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    auto key_length = in.le<std::uint16_t>();
    auto value_length = in.le<std::uint32_t>();
    std::string_view key = in.bytes(key_length);
    std::string_view value = in.bytes(value_length);
    if (in.ok()) marks.insert_or_assign(std::string(key), std::string(value));
  }
  return marks;
}

void append_state(Buffer& out, const State& state) {
  out.append_le(state.next_group);
  out.append_le(state.last_ticket);
  out.append_le(state.next_of_unlisted);
  out.append_le(static_cast<std::uint32_t>(state.next.size()));
  for (auto [shard, next] : state.next) {
    out.append_le(shard);
    out.append_le(next);
  }
  append_marks(out, state.marks);
}

State read_state(ByteReader& in) {
  State state;
  state.next_group = in.le<std::uint64_t>();
  state.last_ticket = in.le<std::uint64_t>();
  state.next_of_unlisted = in.le<std::uint64_t>();
  auto shards = in.le<std::uint32_t>();
  for (std::uint32_t i = 0; i < shards && in.ok(); ++i) {
    auto shard = in.le<ShardNumber>();
    state.next[shard] = in.le<Offset>();
  }
  state.marks = read_marks(in);
  return state;
}

// What a log counts: groups, tickets, offsets. None gets this far in centuries, and from here no
// sum of two overflows.
constexpr std::uint64_t counter_max = std::uint64_t{1} << 62;

bool is_plausible(const Block& block) {
  return block.count > 0 && block.length / frame_bytes_min >= block.count &&
         block.first <= counter_max;
}

bool is_plausible(const State& state) {
  return state.next_group <= counter_max && state.last_ticket <= counter_max &&
         state.next_of_unlisted <= counter_max &&
         std::all_of(state.next.begin(), state.next.end(),
                     [](const auto& next) { return next.second <= counter_max; });
}

Error damaged(std::string_view what) {
  return Error{Fault::corrupt, "the segment header " + std::string(what)};
}

}  // namespace

std::string segment_name(std::uint64_t first_group) {
  char name[32];
  std::snprintf(name, sizeof name, "%020" PRIu64 ".seg", first_group);
  return name;
}

std::optional<std::uint64_t> parse_segment_name(std::string_view name) {
  if (name.size() != 20 + segment_suffix.size() || !name.ends_with(segment_suffix))
    return std::nullopt;
  std::uint64_t number = 0;
  for (char digit : name.substr(0, 20)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    if (number > (std::numeric_limits<std::uint64_t>::max() - 9) / 10) return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return number;
}

Buffer encode(const SegmentHeader& header) {
  Buffer out;
  out.append(segment_magic);
  out.append_le(std::uint32_t{0});  // the checksum
  out.append_le(std::uint64_t{0});  // the length
  out.append_le(format_version);
  out.append_le(header.incarnation);
  out.append_le(header.sequence);
  append_state(out, header.state);
  out.put_le(segment_covered_from, static_cast<std::uint64_t>(out.size()));
  out.put_le(8, crc32c(out.view().substr(segment_covered_from)));
  return out;
}

std::optional<std::uint64_t> segment_header_length(std::string_view prefix) {
  ByteReader in(prefix);
  if (in.bytes(segment_magic.size()) != segment_magic) return std::nullopt;
  in.le<std::uint32_t>();
  auto length = in.le<std::uint64_t>();
  if (!in.ok() || length < segment_prefix_bytes) return std::nullopt;
  return length;
}

Result<SegmentHeader> decode_segment_header(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.bytes(segment_magic.size()) != segment_magic) return damaged("has no magic");
  auto crc = in.le<std::uint32_t>();
  if (!in.ok() || crc != crc32c(bytes.substr(segment_covered_from)))
    return damaged("does not fit its checksum");
  if (in.le<std::uint64_t>() != bytes.size()) return damaged("has a wrong length");
  auto version = in.le<std::uint32_t>();
  if (version != format_version)
    return Error{Fault::conflict,
                 "the segment has format version " + std::to_string(version) +
                     ", this program reads version " + std::to_string(format_version) +
                     ": run the version of tailrace that wrote it, or a newer one"};
  SegmentHeader header;
  header.incarnation = in.le<std::uint64_t>();
  header.sequence = in.le<std::uint64_t>();
  header.state = read_state(in);
  if (!in.ok() || !in.at_end()) return damaged("does not parse");
  if (header.sequence > counter_max || !is_plausible(header.state))
    return damaged("holds numbers that no log reaches");
  return header;
}

std::size_t group_header_bytes(const Marks& marks, std::size_t blocks) {
  std::size_t bytes = group_header_bytes_min + blocks * block_entry_bytes;
  for (const auto& [key, value] : marks) bytes += 6 + key.size() + value.size();
  return bytes;
}

Buffer encode(const GroupHeader& header, std::uint64_t incarnation) {
  Buffer out(group_header_bytes(header.marks, header.blocks.size()));
  out.append(group_magic_bytes);
  out.append_le(static_cast<std::uint32_t>(header.header_length));
  out.append_le(header.length);
  out.append_le(header.number);
  out.append_le(header.last_ticket);
  out.append_le(header.position);
  out.append_le(header.synced_end);
  out.append_le(header.written_micros);
  out.append_le(static_cast<std::uint32_t>(header.blocks.size()));
  append_marks(out, header.marks);
  for (const auto& [shard, block] : header.blocks) {
    out.append_le(shard);
    out.append_le(block.count);
    out.append_le(block.first);
    out.append_le(block.length);
    out.append_le(block.arrival_min_ms);
    out.append_le(block.arrival_max_ms);
    out.append_le(block.crc);
    out.append_le(std::uint32_t{block.codec});
  }
  out.append_le(crc32c(out.view(), seed_of(incarnation, header.position)));
  TAILRACE_CHECK(out.size() == header.header_length);
  return out;
}

std::optional<std::uint64_t> group_header_length(std::string_view prefix, std::uint64_t position) {
  ByteReader in(prefix);
  if (in.bytes(group_magic_bytes.size()) != group_magic_bytes) return std::nullopt;
  auto header_length = in.le<std::uint32_t>();
  auto length = in.le<std::uint64_t>();
  in.bytes(16);
  if (in.le<std::uint64_t>() != position || !in.ok() || header_length < group_header_bytes_min ||
      length < header_length)
    return std::nullopt;
  return header_length;
}

std::optional<GroupHeader> decode_group_header(std::string_view bytes, std::uint64_t incarnation,
                                               std::uint64_t position) {
  if (bytes.size() < group_header_bytes_min) return std::nullopt;
  std::string_view covered = bytes.substr(0, bytes.size() - checksum_bytes);
  ByteReader stored(bytes.substr(covered.size()));
  if (stored.le<std::uint32_t>() != crc32c(covered, seed_of(incarnation, position)))
    return std::nullopt;

  ByteReader in(covered);
  if (in.bytes(group_magic_bytes.size()) != group_magic_bytes) return std::nullopt;
  GroupHeader header;
  header.header_length = in.le<std::uint32_t>();
  header.length = in.le<std::uint64_t>();
  header.number = in.le<std::uint64_t>();
  header.last_ticket = in.le<std::uint64_t>();
  header.position = in.le<std::uint64_t>();
  header.synced_end = in.le<std::uint64_t>();
  header.written_micros = in.le<std::int64_t>();
  auto blocks = in.le<std::uint32_t>();
  header.marks = read_marks(in);
  if (!in.ok() || in.left() != blocks * std::uint64_t{block_entry_bytes}) return std::nullopt;
  if (header.header_length != bytes.size() || header.position != position ||
      header.synced_end > position || header.length < bytes.size() || header.number > counter_max ||
      header.last_ticket > counter_max ||
      header.length > std::numeric_limits<std::uint64_t>::max() - position)
    return std::nullopt;

  std::uint64_t left = header.length - header.header_length;
  std::uint64_t at = position + header.header_length;
  header.blocks.reserve(blocks);
  for (std::uint32_t i = 0; i < blocks; ++i) {
    ShardBlock& entry = header.blocks.emplace_back();
    entry.shard = in.le<ShardNumber>();
    entry.block.count = in.le<std::uint32_t>();
    entry.block.first = in.le<Offset>();
    entry.block.length = in.le<std::uint64_t>();
    entry.block.arrival_min_ms = in.le<std::int64_t>();
    entry.block.arrival_max_ms = in.le<std::int64_t>();
    entry.block.crc = in.le<std::uint32_t>();
    auto codec = in.le<std::uint32_t>();
    entry.block.codec = static_cast<std::uint8_t>(codec);
    entry.block.position = at;
    bool sorted = i == 0 || header.blocks[i - 1].shard < entry.shard;
    if (!sorted || codec > 255 || !is_plausible(entry.block) || entry.block.length > left)
      return std::nullopt;
    at += entry.block.length;
    left -= entry.block.length;
  }
  if (left != 0) return std::nullopt;
  return header;
}

std::string_view group_magic() { return group_magic_bytes; }

std::uint32_t block_seed(std::uint64_t incarnation, ShardNumber shard, Offset first,
                         std::uint64_t position) {
  std::uint64_t words[4] = {incarnation, shard, first, position};
  return crc32c({reinterpret_cast<const char*>(words), sizeof words});
}

Buffer encode(Footer& footer, const std::map<ShardNumber, const std::vector<Block>*>& blocks) {
  Buffer out;
  footer.shards.clear();
  for (const auto& [shard, list_at] : blocks) {
    const std::vector<Block>& list = *list_at;
    if (list.empty()) continue;
    ShardSummary summary;
    summary.shard = shard;
    summary.first = list.front().first;
    summary.end = list.back().end();
    summary.arrival_min_ms = list.front().arrival_min_ms;
    summary.arrival_max_ms = list.front().arrival_max_ms;
    summary.list_position = footer.position + out.size();
    summary.list_blocks = static_cast<std::uint32_t>(list.size());
    std::size_t from = out.size();
    for (const Block& block : list) {
      out.append_le(block.first);
      out.append_le(block.count);
      out.append_le(block.crc);
      out.append_le(block.position);
      out.append_le(block.length);
      out.append_le(block.arrival_min_ms);
      out.append_le(block.arrival_max_ms);
      out.append_le(std::uint32_t{block.codec});
      summary.arrival_min_ms = std::min(summary.arrival_min_ms, block.arrival_min_ms);
      summary.arrival_max_ms = std::max(summary.arrival_max_ms, block.arrival_max_ms);
    }
    summary.list_crc =
        crc32c(out.view().substr(from), seed_of(summary.shard, summary.list_position));
    footer.shards.push_back(summary);
  }

  std::size_t directory = out.size();
  std::uint64_t directory_position = footer.position + directory;
  out.append(directory_magic);
  out.append_le(footer.incarnation);
  out.append_le(footer.sequence);
  out.append_le(footer.first_group);
  out.append_le(footer.position);
  out.append_le(footer.groups);
  out.append_le(footer.records);
  append_state(out, footer.state);
  out.append_le(static_cast<std::uint32_t>(footer.shards.size()));
  for (const ShardSummary& summary : footer.shards) {
    out.append_le(summary.shard);
    out.append_le(summary.first);
    out.append_le(summary.end);
    out.append_le(summary.arrival_min_ms);
    out.append_le(summary.arrival_max_ms);
    out.append_le(summary.list_position);
    out.append_le(summary.list_blocks);
    out.append_le(summary.list_crc);
  }
  out.append_le(crc32c(out.view().substr(directory), seed_of(0, directory_position)));

  std::size_t trailer = out.size();
  out.append_le(directory_position);
  out.append_le(static_cast<std::uint64_t>(trailer - directory));
  out.append_le(std::uint32_t{0});
  out.append_le(crc32c(out.view().substr(trailer), seed_of(0, footer.position + trailer)));
  out.append(trailer_magic);
  return out;
}

std::optional<DirectoryPlace> decode_trailer(std::string_view bytes, std::uint64_t file_size) {
  if (bytes.size() != trailer_bytes || file_size < trailer_bytes) return std::nullopt;
  ByteReader in(bytes);
  DirectoryPlace place;
  place.position = in.le<std::uint64_t>();
  place.length = in.le<std::uint64_t>();
  in.le<std::uint32_t>();
  std::uint64_t position = file_size - trailer_bytes;
  if (in.le<std::uint32_t>() != crc32c(bytes.substr(0, 20), seed_of(0, position)) ||
      in.bytes(trailer_magic.size()) != trailer_magic)
    return std::nullopt;
  if (place.length > position || place.position != position - place.length) return std::nullopt;
  return place;
}

std::optional<Footer> decode_directory(std::string_view bytes, std::uint64_t position) {
  if (bytes.size() < checksum_bytes) return std::nullopt;
  std::string_view covered = bytes.substr(0, bytes.size() - checksum_bytes);
  ByteReader stored(bytes.substr(covered.size()));
  if (stored.le<std::uint32_t>() != crc32c(covered, seed_of(0, position))) return std::nullopt;

  ByteReader in(covered);
  if (in.bytes(directory_magic.size()) != directory_magic) return std::nullopt;
  Footer footer;
  footer.incarnation = in.le<std::uint64_t>();
  footer.sequence = in.le<std::uint64_t>();
  footer.first_group = in.le<std::uint64_t>();
  footer.position = in.le<std::uint64_t>();
  footer.groups = in.le<std::uint64_t>();
  footer.records = in.le<std::uint64_t>();
  footer.state = read_state(in);
  auto shards = in.le<std::uint32_t>();
  if (!in.ok() || in.left() != shards * std::uint64_t{summary_bytes} || footer.position > position)
    return std::nullopt;
  if (footer.sequence > counter_max || !is_plausible(footer.state) ||
      footer.state.next_group < footer.first_group)
    return std::nullopt;
  // The lists lie without a gap between the groups and the directory.
  std::uint64_t lists = footer.position;
  footer.shards.reserve(shards);
  for (std::uint32_t i = 0; i < shards; ++i) {
    ShardSummary& summary = footer.shards.emplace_back();
    summary.shard = in.le<ShardNumber>();
    summary.first = in.le<Offset>();
    summary.end = in.le<Offset>();
    summary.arrival_min_ms = in.le<std::int64_t>();
    summary.arrival_max_ms = in.le<std::int64_t>();
    summary.list_position = in.le<std::uint64_t>();
    summary.list_blocks = in.le<std::uint32_t>();
    summary.list_crc = in.le<std::uint32_t>();
    bool sorted = i == 0 || footer.shards[i - 1].shard < summary.shard;
    if (!sorted || summary.first >= summary.end || summary.list_position != lists ||
        summary.list_blocks == 0 || summary.end > footer.state.next_of(summary.shard))
      return std::nullopt;
    lists += summary.list_blocks * std::uint64_t{list_entry_bytes};
    if (lists > position) return std::nullopt;
  }
  if (lists != position) return std::nullopt;
  return footer;
}

std::optional<std::vector<Block>> decode_block_list(std::string_view bytes,
                                                    const ShardSummary& summary) {
  if (bytes.size() != summary.list_blocks * std::uint64_t{list_entry_bytes} ||
      summary.list_crc != crc32c(bytes, seed_of(summary.shard, summary.list_position)))
    return std::nullopt;
  std::vector<Block> list(summary.list_blocks);
  ByteReader in(bytes);
  Offset end = summary.first;
  for (Block& block : list) {
    block.first = in.le<Offset>();
    block.count = in.le<std::uint32_t>();
    block.crc = in.le<std::uint32_t>();
    block.position = in.le<std::uint64_t>();
    block.length = in.le<std::uint64_t>();
    block.arrival_min_ms = in.le<std::int64_t>();
    block.arrival_max_ms = in.le<std::int64_t>();
    block.codec = static_cast<std::uint8_t>(in.le<std::uint32_t>());
    if (!is_plausible(block) || block.first < end) return std::nullopt;
    end = block.end();
  }
  if (end != summary.end) return std::nullopt;
  return list;
}

std::optional<Frame> FrameReader::next() {
  auto length = in_.le<std::uint32_t>();
  ByteReader rest(in_.bytes(length));
  auto key_length = rest.le<std::uint16_t>();
  auto flags = rest.le<std::uint8_t>();
  Frame frame;
  frame.arrival_ms = rest.le<std::int64_t>();
  frame.partition_key = rest.bytes(key_length);
  if (!in_.ok() || !rest.ok() || flags != 0) return std::nullopt;
  frame.payload = {rest.position(), rest.left()};
  return frame;
}

std::optional<std::vector<Frame>> parse_frames(std::string_view bytes, std::uint32_t count) {
  if (bytes.size() / frame_bytes_min < count) return std::nullopt;
  std::vector<Frame> frames;
  frames.reserve(count);
  FrameReader reader(bytes);
  for (std::uint32_t i = 0; i < count; ++i) {
    auto frame = reader.next();
    if (!frame) return std::nullopt;
    frames.push_back(*frame);
  }
  if (!reader.at_end()) return std::nullopt;
  return frames;
}

}  // namespace tailrace::log
