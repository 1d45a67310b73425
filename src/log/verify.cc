#include <optional>
#include <utility>

#include "log/recovery.h"
#include "log/segment_reader.h"
#include "log/stream_log.h"

namespace tailrace::log {
namespace {

using Lists = std::map<ShardNumber, std::vector<Block>>;

std::string missing_groups(std::uint64_t from, std::uint64_t end) {
  return "missing: the groups " + std::to_string(from) + " to " + std::to_string(end - 1);
}

class Verifier {
 public:
  explicit Verifier(Directory& directory) : directory_(directory) {}

  Result<Verification> run() {
    std::vector<std::string> strangers;
    auto names = list_segments(directory_, strangers);
    if (!names) return std::move(names).error();
    std::vector<SegmentFile> segments;
    for (const std::string& name : *names) {
      auto segment = load_segment(directory_, name);
      if (!segment) return std::move(segment).error();
      if (!incarnation_ && segment->header) incarnation_ = segment->header->incarnation;
      if (!incarnation_ && segment->footer) incarnation_ = segment->footer->incarnation;
      segments.push_back(std::move(*segment));
    }
    if (!segments.empty())
      if (auto looked = drop_unfinished_footer(segments.back()); !looked)
        return std::move(looked).error();
    for (std::size_t i = 0; i < segments.size(); ++i) {
      std::optional<std::uint64_t> successor;
      if (i + 1 < segments.size()) successor = segments[i + 1].first_group;
      if (auto checked = check(segments[i], successor); !checked)
        return std::move(checked).error().during("verify " + segments[i].name);
    }
    return std::move(out_);
  }

 private:
  Result<void> check(const SegmentFile& segment, std::optional<std::uint64_t> successor) {
    ++out_.segments;
    out_.bytes += segment.size;
    if (segment.header && segment.header->incarnation != incarnation_)
      damage(segment, 0, segment.size, "it belongs to another stream");
    if (state_ && state_->next_group < segment.first_group)
      damage(segment, 0, 0, missing_groups(state_->next_group, segment.first_group));
    if (segment.header && state_ && state_->next_group == segment.first_group &&
        !(*state_ == segment.header->state))
      damage(segment, 0, segment.header_length, "the header contradicts what stands before it");

    State state = segment.header ? segment.header->state : state_.value_or(State());
    state.next_group = segment.first_group;
    Lists lists;
    Result<void> frames;
    auto scan = scan_groups(segment, incarnation_.value_or(0),
                            segment.footer ? segment.footer->state.next_group : successor, state,
                            [&](const GroupHeader& group, const std::vector<std::size_t>& bad) {
                              for (const auto& [shard, block] : group.blocks)
                                lists[shard].push_back(block);
                              if (frames && bad.empty()) frames = check_frames(segment, group);
                            });
    if (!scan) return std::move(scan).error();
    if (!frames) return frames;
    out_.groups += scan->groups;
    out_.records += scan->records;
    for (const DamagedRange& range : scan->damage)
      damage(segment, range.position, range.bytes, range.what);
    if (!segment.header && scan->damage.empty() && scan->groups > 0)
      damage(segment, 0, segment_prefix_bytes, "the segment's header");
    if (!successor) {
      out_.torn_bytes = scan->torn_end - scan->end;
    } else if (!segment.footer && scan->damage.empty()) {
      damage(segment, scan->end, segment.size - scan->end, "the segment's index");
    }
    if (segment.footer)
      if (auto checked = check_footer(segment, lists, state); !checked) return checked;
    state_ = std::move(state);
    return {};
  }

  Result<void> check_frames(const SegmentFile& segment, const GroupHeader& group) {
    for (const auto& [shard, block] : group.blocks) {
      Buffer bytes;
      char* room = bytes.room(block.length);
      if (auto read = segment.file->read(block.position, room, block.length); !read) return read;
      bytes.wrote(block.length);
      if (block.codec == codec_none && !parse_frames(bytes.view(), block.count))
        damage(segment, block.position, block.length, "a block that holds no whole records");
    }
    return {};
  }

  Result<void> check_footer(const SegmentFile& segment, const Lists& lists, const State& state) {
    const Footer& footer = *segment.footer;
    bool agrees = footer.state == state && footer.shards.size() == lists.size() &&
                  footer.incarnation == incarnation_;
    for (const ShardSummary& summary : footer.shards) {
      auto list = read_block_list(*segment.file, summary);
      if (!list && list.error().fault != Fault::corrupt) return std::move(list).error();
      auto found = lists.find(summary.shard);
      if (!list)
        damage(segment, summary.list_position,
               summary.list_blocks * std::uint64_t{list_entry_bytes}, list.error().message);
      else if (found == lists.end() || found->second != *list)
        agrees = false;
    }
    if (!agrees)
      damage(segment, footer.position, segment.size - footer.position,
             "the index contradicts the groups");
    return {};
  }

  void damage(const SegmentFile& segment, std::uint64_t position, std::uint64_t bytes,
              std::string what) {
    out_.damage.push_back({segment.name, position, bytes, std::move(what)});
  }

  Directory& directory_;
  Verification out_;
  std::optional<std::uint64_t> incarnation_;
  std::optional<State> state_;  // at the end of the segment before
};

}  // namespace

Result<Verification> verify(Directory& directory) { return Verifier(directory).run(); }

}  // namespace tailrace::log
