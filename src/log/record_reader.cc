#include "log/record_reader.h"

#include <algorithm>
#include <utility>

#include "base/crc32c.h"
#include "log/segment_reader.h"

namespace tailrace::log {
namespace {

// Open files of sealed segments; lists of blocks in entries; blocks in bytes. A reader in small
// steps would read and check a large block again at each of them.
constexpr std::size_t files_max = 64;
constexpr std::size_t lists_max = 64, list_blocks_max = 1u << 17;
constexpr std::size_t blocks_max = 8, block_bytes_max = 16u << 20;
constexpr std::size_t cached_block_bytes_min = 64u << 10;

// So many blocks are looked up at once.
constexpr std::size_t located_blocks_max = 64;

std::string range_text(Offset from, Offset end) {
  return std::to_string(from) + " to " + std::to_string(end - 1);
}

}  // namespace

RecordReader::RecordReader(Directory& directory, std::string stream, std::uint64_t incarnation,
                           Index index, std::vector<StreamLog::Damage> damage)
    : directory_(directory),
      stream_(std::move(stream)),
      incarnation_(incarnation),
      index_(std::move(index)),
      damage_(std::move(damage)),
      files_(files_max, files_max),
      lists_(lists_max, list_blocks_max),
      blocks_(blocks_max, block_bytes_max) {}

Result<Records> RecordReader::read(ShardNumber shard, Offset from, std::size_t records_max,
                                   std::size_t bytes_max) {
  records_max = std::max<std::size_t>(records_max, 1);
  Records out;
  out.next = from;
  std::size_t bytes = 0;
  for (;;) {
    auto located = locate(shard, out.next);
    // What was read before the trouble is given first; the trouble shows at the next call.
    if (!located && !out.records.empty()) return out;
    if (!located) return std::move(located).error();
    if (located->blocks.empty() && located->next == out.next) return out;
    if (located->blocks.empty() || located->blocks.front().first > out.next) {
      if (!out.records.empty()) return out;
      return lost_error(shard, out.next, located->next);
    }
    for (const Block& block : located->blocks) {
      if (block.first > out.next) break;
      auto data = block_bytes(*located->segment, shard, block);
      if (!data && !out.records.empty()) return out;
      if (!data) return std::move(data).error();
      bool used = false;
      FrameReader frames((*data)->view());
      for (Offset offset = block.first; offset < block.end(); ++offset) {
        auto frame = frames.next();
        // The checksum fits, so a writer of another kind wrote this.
        if (!frame)
          return Error{Fault::corrupt, located->segment->name + ", file position " +
                                           std::to_string(block.position) +
                                           ": a block that holds no records in this format"};
        if (offset < out.next) continue;
        bytes += frame->partition_key.size() + frame->payload.size();
        bool enough = out.records.size() == records_max || bytes > bytes_max;
        if (enough && !out.records.empty()) {
          if (used) out.bytes.push_back(*data);
          return out;
        }
        out.records.push_back({offset, frame->arrival_ms, frame->partition_key, frame->payload});
        out.next = offset + 1;
        used = true;
      }
      out.bytes.push_back(std::move(*data));
    }
    if (out.records.size() >= records_max || bytes >= bytes_max) return out;
  }
}

Offset RecordReader::first_offset(ShardNumber shard) const {
  std::shared_lock lock(mutex_);
  return index_.first_offset(shard);
}

Offset RecordReader::end_offset(ShardNumber shard) const {
  std::shared_lock lock(mutex_);
  return index_.end_offset(shard);
}

Result<Offset> RecordReader::offset_at(ShardNumber shard, std::int64_t arrival_ms) {
  for (;;) {
    std::optional<Index::Run> run;
    std::shared_ptr<Segment> segment;
    std::optional<Block> block;
    {
      std::shared_lock lock(mutex_);
      const Index::Shard* found = index_.find(shard);
      if (found == nullptr) return index_.end_offset(shard);
      for (const Index::Run& candidate : found->sealed)
        if (!run && candidate.summary.arrival_max_ms >= arrival_ms) run = candidate;
      if (!run) {
        auto first = std::find_if(found->open.begin(), found->open.end(),
                                  [&](const Block& b) { return b.arrival_max_ms >= arrival_ms; });
        if (first == found->open.end()) return found->end;
        block = *first;
        segment = index_.open_segment();
      }
    }
    if (run) {
      segment = run->segment;
      auto list = list_of(*run);
      if (!list && first_offset(shard) >= run->summary.end) continue;
      if (!list) return std::move(list).error();
      auto first = std::find_if((*list)->begin(), (*list)->end(),
                                [&](const Block& b) { return b.arrival_max_ms >= arrival_ms; });
      // Only when a scan found fewer blocks than the footer told of.
      if (first == (*list)->end()) return run->summary.end;
      block = *first;
    }
    if (block->arrival_min_ms >= arrival_ms) return block->first;
    auto data = block_bytes(*segment, shard, *block);
    if (!data) {
      // Retired meanwhile: look again. Damaged: reading there will say so, with the way past it.
      if (first_offset(shard) >= block->end()) continue;
      if (data.error().fault == Fault::corrupt) return block->first;
      return std::move(data).error();
    }
    FrameReader frames((*data)->view());
    for (Offset offset = block->first; offset < block->end(); ++offset) {
      auto frame = frames.next();
      if (!frame || frame->arrival_ms >= arrival_ms) return offset;
    }
    return block->end();
  }
}

std::optional<Offset> RecordReader::end_of_damage(ShardNumber shard, Offset from) const {
  {
    std::shared_lock lock(mutex_);
    if (const Index::Shard* found = index_.find(shard))
      if (auto end = found->end_of_damaged_block(from)) return end;
  }
  auto located = locate(shard, from);
  if (!located || located->next == from) return std::nullopt;
  return located->next;
}

Result<RecordReader::Located> RecordReader::locate(ShardNumber shard, Offset from) const {
  Located located;
  auto take = [&](const std::vector<Block>& blocks) {
    auto begin = block_at(blocks, from);
    auto left = static_cast<std::size_t>(blocks.end() - begin);
    located.blocks.assign(begin,
                          begin + static_cast<std::ptrdiff_t>(std::min(left, located_blocks_max)));
    if (left > 0) located.next = std::max(from, begin->first);
  };
  std::optional<Index::Run> run;
  {
    std::shared_lock lock(mutex_);
    Offset first = index_.first_offset(shard);
    if (from < first) return trimmed_error(shard, from, first);
    located.next = std::max(from, index_.end_offset(shard));
    const Index::Shard* found = index_.find(shard);
    if (found == nullptr || from >= found->end) return located;
    auto at = found->run_at(from);
    if (at == found->sealed.end()) {
      located.segment = index_.open_segment();
      take(found->open);
      return located;
    }
    run = *at;
  }
  located.segment = run->segment;
  auto list = list_of(*run);
  if (!list) {
    Offset first = first_offset(shard);
    if (from < first) return trimmed_error(shard, from, first);
    return std::move(list).error();
  }
  located.next = run->summary.end;
  take(**list);
  return located;
}

Result<std::shared_ptr<const std::vector<Block>>> RecordReader::list_of(
    const Index::Run& run) const {
  if (run.blocks) return run.blocks;
  if (auto list = lists_.find(run.segment->sequence, run.summary.list_position)) return list;
  auto file = file_of(*run.segment);
  if (!file) return std::move(file).error();
  auto list = read_block_list(**file, run.summary);
  if (!list && list.error().fault == Fault::corrupt) {
    note_damage(
        *run.segment, run.summary.list_position,
        run.summary.list_blocks * std::uint64_t{list_entry_bytes},
        "the index of shard " + std::to_string(run.summary.shard) + "; no record is lost by it");
    return rebuild_list(run);
  }
  if (!list) return std::move(list).error();
  auto shared = std::make_shared<const std::vector<Block>>(std::move(*list));
  lists_.keep(run.segment->sequence, run.summary.list_position, shared, shared->size());
  return shared;
}

// The index is only a copy of what the groups' headers say.
Result<std::shared_ptr<const std::vector<Block>>> RecordReader::rebuild_list(
    const Index::Run& run) const {
  auto file = load_segment(directory_, run.segment->name);
  if (!file) return std::move(file).error();
  State state;
  if (file->header) state = file->header->state;
  state.next_group = file->first_group;
  auto blocks = std::make_shared<std::vector<Block>>();
  auto scan = scan_groups(*file, incarnation_, state.next_group, state,
                          [&](const GroupHeader& group, const std::vector<std::size_t>&) {
                            for (const auto& [shard, block] : group.blocks)
                              if (shard == run.summary.shard) blocks->push_back(block);
                          });
  if (!scan) return std::move(scan).error();
  std::unique_lock lock(mutex_);
  index_.replace_list(run.summary.shard, *run.segment, blocks);
  return std::shared_ptr<const std::vector<Block>>(std::move(blocks));
}

Result<std::shared_ptr<File>> RecordReader::file_of(const Segment& segment) const {
  if (auto file = files_.find(segment.sequence, 0)) return file;
  auto file = directory_.open(segment.name, Directory::Open::existing);
  if (!file) return std::move(file).error();
  std::shared_ptr<File> shared = std::move(*file);
  files_.keep(segment.sequence, 0, shared, 1);
  return shared;
}

Result<std::shared_ptr<const Buffer>> RecordReader::block_bytes(Segment& segment, ShardNumber shard,
                                                                const Block& block) const {
  if (auto cached = blocks_.find(segment.sequence, block.position)) return cached;
  std::string place = segment.name + ", file position " + std::to_string(block.position);
  Result<void> read;
  auto bytes = std::make_shared<Buffer>();
  auto file = file_of(segment);
  if (!file) {
    read = std::move(file).error();
  } else {
    char* room = bytes->room(block.length);
    read = (*file)->read(block.position, room, block.length);
    bytes->wrote(block.length);
  }
  if (!read) {
    Offset first = first_offset(shard);
    if (block.end() <= first) return trimmed_error(shard, block.first, first);
    bool is_lost = read.error().fault == Fault::corrupt || read.error().fault == Fault::not_found;
    if (!is_lost) return std::move(read).error().during("read " + place);
  }
  std::string range =
      "shard " + std::to_string(shard) + ", offsets " + range_text(block.first, block.end());
  std::uint32_t seed = block_seed(incarnation_, shard, block.first, block.position);
  if (!read || crc32c(bytes->view(), seed) != block.crc) {
    note_damage(segment, block.position, block.length, range + " are unreadable");
    std::unique_lock lock(mutex_);
    index_.note_damage(shard, block);
    return Error{Fault::corrupt,
                 "stream " + stream_ + ": " + place + " is damaged: " + range + " cannot be read"};
  }
  if (block.codec != codec_none)
    return Error{Fault::conflict, place + " is compressed with codec " +
                                      std::to_string(block.codec) +
                                      ", which this version does not read: run a newer one"};
  std::shared_ptr<const Buffer> shared = std::move(bytes);
  if (block.length >= cached_block_bytes_min)
    blocks_.keep(segment.sequence, block.position, shared, block.length);
  return shared;
}

void RecordReader::note_damage(Segment& segment, std::uint64_t position, std::uint64_t bytes,
                               const std::string& what) const {
  std::unique_lock lock(mutex_);
  segment.damaged = true;
  for (const StreamLog::Damage& known : damage_)
    if (known.segment == segment.name && known.file_position == position) return;
  damage_.push_back({segment.name, position, bytes, what});
}

Error RecordReader::trimmed_error(ShardNumber shard, Offset from, Offset first) const {
  return Error{Fault::not_found, "stream " + stream_ + ", shard " + std::to_string(shard) +
                                     ": offset " + std::to_string(from) +
                                     " is trimmed, the oldest is " + std::to_string(first)};
}

Error RecordReader::lost_error(ShardNumber shard, Offset from, Offset end) const {
  return Error{Fault::corrupt, "stream " + stream_ + ", shard " + std::to_string(shard) +
                                   ": the offsets " + range_text(from, end) +
                                   " are lost with a damaged or missing part of the log"};
}

std::vector<StreamLog::Damage> RecordReader::damage() const {
  std::shared_lock lock(mutex_);
  return damage_;
}

// ---- the writer's side

void RecordReader::begin_segment(std::shared_ptr<Segment> segment) {
  std::unique_lock lock(mutex_);
  index_.open_segment(std::move(segment));
}

void RecordReader::publish(const GroupHeader& group, std::uint64_t segment_bytes) {
  std::unique_lock lock(mutex_);
  for (const auto& [shard, block] : group.blocks) index_.add(shard, block);
  index_.open_segment()->bytes = segment_bytes;
}

RecordReader::OpenSegment RecordReader::open_segment() const {
  std::shared_lock lock(mutex_);
  return {index_.open_segment()->first_group, index_.open_blocks()};
}

void RecordReader::seal_segment(const Footer& footer, std::uint64_t segment_bytes) {
  std::unique_lock lock(mutex_);
  index_.open_segment()->bytes = segment_bytes;
  index_.seal(footer);
}

// ---- retention's side

RecordReader::Retired RecordReader::retire(std::int64_t arrived_before_ms,
                                           std::uint64_t bytes_max) {
  Retired retired;
  std::unique_lock lock(mutex_);
  const auto& open = index_.open_segment();
  std::uint64_t bytes = size_locked().bytes;
  // The newest segment tells the next offsets and the marks: it stays, sealed or open.
  std::size_t kept = open ? 0 : 1;
  while (index_.sealed_segments().size() > kept) {
    std::shared_ptr<Segment> oldest = index_.sealed_segments().front();
    bool is_old = oldest->arrival_max_ms < arrived_before_ms;
    bool is_too_much = bytes_max > 0 && bytes > bytes_max;
    if (!is_old && !is_too_much) break;
    bytes -= oldest->bytes;
    index_.drop_oldest();
    retired.segments.push_back(std::move(oldest));
  }
  retired.open_is_old = open && open->arrival_max_ms != INT64_MIN &&  // it has records
                        open->arrival_max_ms < arrived_before_ms;
  return retired;
}

bool RecordReader::is_damaged(const Segment& segment) const {
  std::shared_lock lock(mutex_);
  return segment.damaged;
}

void RecordReader::forget(const Segment& segment) {
  files_.forget(segment.sequence);
  lists_.forget(segment.sequence);
  blocks_.forget(segment.sequence);
}

RecordReader::Size RecordReader::size() const {
  std::shared_lock lock(mutex_);
  return size_locked();
}

RecordReader::Size RecordReader::size_locked() const {
  Size size;
  size.segments = index_.sealed_segments().size();
  for (const auto& segment : index_.sealed_segments()) size.bytes += segment->bytes;
  if (const auto& open = index_.open_segment()) {
    ++size.segments;
    size.bytes += open->bytes;
  }
  return size;
}

}  // namespace tailrace::log
