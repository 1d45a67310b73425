#include "log/segment_reader.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "base/buffer.h"
#include "base/crc32c.h"

namespace tailrace::log {
namespace {

constexpr std::uint64_t read_bytes_max = 1u << 20;

Result<Buffer> read_bytes(File& file, std::uint64_t at, std::uint64_t count) {
  Buffer bytes;
  char* room = bytes.room(count);
  if (auto read = file.read(at, room, count); !read) return std::move(read).error();
  bytes.wrote(count);
  return bytes;
}

Result<std::optional<SegmentHeader>> read_header(SegmentFile& segment) {
  if (segment.size < segment_prefix_bytes) return std::optional<SegmentHeader>();
  auto prefix = read_bytes(*segment.file, 0, segment_prefix_bytes);
  if (!prefix) return std::move(prefix).error();
  auto length = segment_header_length(prefix->view());
  if (!length || *length > segment.size) return std::optional<SegmentHeader>();
  auto bytes = read_bytes(*segment.file, 0, *length);
  if (!bytes) return std::move(bytes).error();
  auto header = decode_segment_header(bytes->view());
  if (!header && header.error().fault == Fault::conflict) return std::move(header).error();
  if (!header) return std::optional<SegmentHeader>();
  segment.header_length = *length;
  return std::optional<SegmentHeader>(std::move(*header));
}

Result<std::optional<Footer>> read_footer(const SegmentFile& segment) {
  if (segment.size < trailer_bytes) return std::optional<Footer>();
  auto trailer = read_bytes(*segment.file, segment.size - trailer_bytes, trailer_bytes);
  if (!trailer) return std::move(trailer).error();
  auto place = decode_trailer(trailer->view(), segment.size);
  if (!place) return std::optional<Footer>();
  auto bytes = read_bytes(*segment.file, place->position, place->length);
  if (!bytes) return std::move(bytes).error();
  return decode_directory(bytes->view(), place->position);
}

// Walks through one segment's groups.
class Scanner {
 public:
  Scanner(const SegmentFile& segment, std::uint64_t incarnation,
          std::optional<std::uint64_t> successor, State& state)
      : file_(*segment.file),
        incarnation_(incarnation),
        successor_(successor),
        state_(state),
        limit_(segment.groups_end()),
        header_length_(segment.header_length) {}

  Result<Scan> run(
      const std::function<void(const GroupHeader&, const std::vector<std::size_t>&)>& each) {
    std::uint64_t at = header_length_;
    scan_.synced_end = at;
    for (;;) {
      auto group = group_at(at);
      if (!group) return std::move(group).error();
      std::vector<std::size_t> bad;
      if (*group) {
        auto checked = damaged_blocks(**group);
        if (!checked) return std::move(checked).error();
        bad = std::move(*checked);
      }
      if (*group && bad.empty()) {
        take(**group, bad, each);
        at = (*group)->end();
        continue;
      }

      auto content_end = end_of_content(at);
      if (!content_end) return std::move(content_end).error();
      if (*content_end == at) break;
      std::uint64_t behind = *group ? (*group)->end() : at + 1;
      auto later = later_group(at, behind, *content_end);
      if (!later) return std::move(later).error();
      if (!successor_ && !later->proves_damage) {
        scan_.torn_end = *content_end;
        break;
      }
      if (*group) {
        for (std::size_t index : bad) note_block((*group)->blocks[index]);
        take(**group, bad, each);
        at = (*group)->end();
        continue;
      }
      std::uint64_t next = later->first.value_or(*content_end);
      note_hidden(at, next, later->first ? later->first_number : successor_.value_or(0));
      at = next;
      if (!later->first) break;
    }
    scan_.end = at;
    scan_.torn_end = std::max(scan_.torn_end, at);
    leave_gaps();
    return std::move(scan_);
  }

 private:
  // A group whose header is whole, fits in the file and follows what came before.
  Result<std::optional<GroupHeader>> group_at(std::uint64_t at) {
    std::optional<GroupHeader> none;
    if (at > limit_ || limit_ - at < group_header_bytes_min) return none;
    auto prefix = read_bytes(file_, at, group_prefix_bytes);
    if (!prefix) return std::move(prefix).error();
    auto length = group_header_length(prefix->view(), at);
    if (!length || *length > limit_ - at) return none;
    auto bytes = read_bytes(file_, at, *length);
    if (!bytes) return std::move(bytes).error();
    auto group = decode_group_header(bytes->view(), incarnation_, at);
    if (!group || group->length > limit_ - at || group->number < state_.next_group) return none;
    for (const auto& [shard, block] : group->blocks)
      if (block.first < state_.next_of(shard)) return none;
    return group;
  }

  Result<std::vector<std::size_t>> damaged_blocks(const GroupHeader& group) {
    std::vector<std::size_t> bad;
    for (std::size_t i = 0; i < group.blocks.size(); ++i) {
      const auto& [shard, block] = group.blocks[i];
      std::uint32_t crc = block_seed(incarnation_, shard, block.first, block.position);
      for (std::uint64_t done = 0; done < block.length;) {
        std::uint64_t some = std::min(read_bytes_max, block.length - done);
        auto bytes = read_bytes(file_, block.position + done, some);
        if (!bytes) return std::move(bytes).error();
        crc = crc32c(bytes->view(), crc);
        done += some;
      }
      if (crc != block.crc) bad.push_back(i);
    }
    return bad;
  }

  // Past the last byte that is not zero; `from` if all are.
  Result<std::uint64_t> end_of_content(std::uint64_t from) {
    std::uint64_t end = limit_;
    while (end > from) {
      std::uint64_t some = std::min(read_bytes_max, end - from);
      auto bytes = read_bytes(file_, end - some, some);
      if (!bytes) return std::move(bytes).error();
      std::size_t last = bytes->view().find_last_not_of('\0');
      if (last != std::string_view::npos) return end - some + last + 1;
      end -= some;
    }
    return from;
  }

  struct Later {
    std::optional<std::uint64_t> first;  // the next group with a whole header
    std::uint64_t first_number = 0;
    bool proves_damage = false;  // some later group saw the bytes at `at` durable
  };

  // Looks for whole headers behind a place that holds none.
  Result<Later> later_group(std::uint64_t at, std::uint64_t from, std::uint64_t end) {
    Later later;
    std::string_view magic = group_magic();
    while (from < end && end - from >= group_header_bytes_min) {
      std::uint64_t some = std::min(read_bytes_max, end - from);
      auto bytes = read_bytes(file_, from, some);
      if (!bytes) return std::move(bytes).error();
      // Past the last place in these bytes where a magic may begin; it may lie across two reads.
      std::uint64_t next = from + some - (magic.size() - 1);
      std::size_t found = 0;
      while ((found = bytes->view().find(magic, found)) != std::string_view::npos) {
        std::uint64_t candidate = from + found;
        ++found;
        auto group = group_at(candidate);
        if (!group) return std::move(group).error();
        if (!*group) continue;
        if (!later.first) {
          later.first = candidate;
          later.first_number = (*group)->number;
        }
        if ((*group)->synced_end > at) {
          later.proves_damage = true;
          return later;
        }
      }
      from = next;
    }
    return later;
  }

  void take(const GroupHeader& group, const std::vector<std::size_t>& bad,
            const std::function<void(const GroupHeader&, const std::vector<std::size_t>&)>& each) {
    state_.next_group = group.number + 1;
    state_.last_ticket = group.last_ticket;
    for (const auto& [shard, block] : group.blocks) {
      state_.next[shard] = block.end();
      hidden_before_[shard] = hidden_bytes_;
      scan_.records += block.count;
    }
    for (const auto& [key, value] : group.marks) state_.marks.insert_or_assign(key, value);
    ++scan_.groups;
    scan_.synced_end = std::max(scan_.synced_end, group.synced_end);
    each(group, bad);
  }

  void note_block(const ShardBlock& entry) {
    scan_.damage.push_back({entry.block.position, entry.block.length,
                            "shard " + std::to_string(entry.shard) + ", offsets " +
                                std::to_string(entry.block.first) + " to " +
                                std::to_string(entry.block.end() - 1) + " are unreadable"});
  }

  void note_hidden(std::uint64_t from, std::uint64_t to, std::uint64_t next_number) {
    if (next_number <= state_.next_group) {
      scan_.damage.push_back(
          {from, to - from, "the segment's header or index; no record is lost by it"});
      return;
    }
    hidden_bytes_ += to - from;
    scan_.damage.push_back({from, to - from,
                            "groups " + std::to_string(state_.next_group) + " to " +
                                std::to_string(next_number - 1) +
                                " are unreadable, with the records of any shard in them"});
  }

  void leave_gaps() {
    if (hidden_bytes_ == 0) return;
    for (auto& [shard, next] : state_.next) {
      std::uint64_t hidden = hidden_bytes_ - hidden_before_[shard];
      if (hidden > 0) next += hidden / frame_bytes_min + 1;
    }
    state_.next_of_unlisted += hidden_bytes_ / frame_bytes_min + 1;
  }

  File& file_;
  std::uint64_t incarnation_;
  std::optional<std::uint64_t> successor_;
  State& state_;
  std::uint64_t limit_;
  std::uint64_t header_length_;
  Scan scan_;
  std::uint64_t hidden_bytes_ = 0;
  // How much was hidden up to the newest block of each shard.
  std::map<ShardNumber, std::uint64_t> hidden_before_;
};

}  // namespace

Result<SegmentFile> load_segment(Directory& directory, const std::string& name) {
  SegmentFile segment;
  segment.name = name;
  segment.first_group = parse_segment_name(name).value_or(0);
  auto file = directory.open(name, Directory::Open::existing);
  if (!file) return std::move(file).error();
  segment.file = std::move(*file);
  auto size = segment.file->size();
  if (!size) return std::move(size).error();
  segment.size = *size;

  auto header = read_header(segment);
  if (!header) return std::move(header).error().during("read segment " + name);
  segment.header = std::move(*header);
  auto footer = read_footer(segment);
  if (!footer) return std::move(footer).error().during("read segment " + name);
  segment.footer = std::move(*footer);

  auto misplaced = [&](std::uint64_t first) {
    return Error{Fault::conflict, directory.path() + "/" + name + " holds the groups from " +
                                      std::to_string(first) +
                                      " on, as its content says: a copy under a wrong name? "
                                      "Move it out of the folder"};
  };
  if (segment.header && segment.header->state.next_group != segment.first_group)
    return misplaced(segment.header->state.next_group);
  if (segment.footer && segment.footer->first_group != segment.first_group)
    return misplaced(segment.footer->first_group);
  return segment;
}

Result<std::vector<Block>> read_block_list(File& file, const ShardSummary& summary) {
  auto bytes = read_bytes(file, summary.list_position,
                          summary.list_blocks * std::uint64_t{list_entry_bytes});
  if (!bytes) return std::move(bytes).error();
  auto list = decode_block_list(bytes->view(), summary);
  if (!list)
    return Error{Fault::corrupt, "the index of shard " + std::to_string(summary.shard) +
                                     " at file position " + std::to_string(summary.list_position) +
                                     " does not fit its checksum"};
  return std::move(*list);
}

Result<void> drop_unfinished_footer(SegmentFile& segment) {
  if (!segment.footer) return {};
  for (const ShardSummary& summary : segment.footer->shards) {
    auto list = read_block_list(*segment.file, summary);
    if (list) continue;
    if (list.error().fault != Fault::corrupt) return std::move(list).error();
    segment.footer.reset();
    break;
  }
  return {};
}

Result<Scan> scan_groups(
    const SegmentFile& segment, std::uint64_t incarnation, std::optional<std::uint64_t> successor,
    State& state,
    const std::function<void(const GroupHeader&, const std::vector<std::size_t>&)>& each) {
  return Scanner(segment, incarnation, successor, state).run(each);
}

}  // namespace tailrace::log
