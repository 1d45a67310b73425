#include "log/recovery.h"

#include <sys/uio.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/buffer.h"
#include "log/segment_reader.h"

namespace tailrace::log {
namespace {

constexpr std::uint64_t copy_bytes_max = 1u << 20;
constexpr std::string_view torn_suffix = ".torn";
constexpr std::string_view unfinished_suffix = ".torn.new";
constexpr std::string_view retired_suffix = ".damaged";

constexpr const char* offsets_unknown =
    "its header is damaged and nothing before it tells which offsets were given already: restore "
    "it, or make the stream anew";

Result<void> copy(File& from, std::uint64_t at, std::uint64_t end, File& to, std::uint64_t to_at) {
  Buffer bytes;
  while (at < end) {
    std::uint64_t some = std::min(copy_bytes_max, end - at);
    bytes.clear();
    if (auto read = from.read(at, bytes.room(some), some); !read) return read;
    bytes.wrote(some);
    ::iovec piece{bytes.data(), bytes.size()};
    if (auto wrote = to.write(to_at, &piece, 1); !wrote) return wrote;
    at += some;
    to_at += some;
  }
  return {};
}

// Two tears at one place are two pieces of evidence.
std::string free_torn_name(const std::vector<std::string>& names, const std::string& segment,
                           std::uint64_t position) {
  std::string base = segment + "." + std::to_string(position);
  std::string name = base + std::string(torn_suffix);
  for (int n = 2; std::binary_search(names.begin(), names.end(), name); ++n)
    name = base + "-" + std::to_string(n) + std::string(torn_suffix);
  return name;
}

class Recovery {
 public:
  Recovery(Directory& directory, std::uint64_t incarnation) : directory_(directory) {
    out_.incarnation = incarnation;
  }

  Result<Recovered> run() {
    if (auto listed = list(); !listed) return std::move(listed).error();
    if (auto loaded = load(); !loaded) return std::move(loaded).error();
    // A crash right at the start of a segment leaves a file without a header or a group.
    if (!segments_.empty() && !segments_.back().header) {
      auto removed = remove_unborn(segments_.back());
      if (!removed) return std::move(removed).error();
      if (*removed) segments_.pop_back();
    }
    for (std::size_t i = 0; i < segments_.size(); ++i)
      if (auto added = add(i); !added)
        return std::move(added).error().during(directory_.path() + "/" + segments_[i].name);
    out_.index.set_unlisted_end(out_.state.next_of_unlisted);
    return std::move(out_);
  }

 private:
  Result<void> list() {
    std::vector<std::string> strangers;
    auto segments = list_segments(directory_, strangers);
    if (!segments) return std::move(segments).error();
    names_ = std::move(*segments);
    for (const std::string& name : strangers) {
      if (name.ends_with(unfinished_suffix)) {
        // A copy that a crash interrupted; its source is still there.
        if (auto removed = directory_.remove(name); !removed) return removed;
        continue;
      }
      if (name.ends_with(torn_suffix)) {
        out_.notes.push_back(name + " keeps bytes that an earlier recovery cut off");
        torn_names_.push_back(name);
      } else if (name.ends_with(retired_suffix)) {
        out_.notes.push_back(name + " is a damaged segment that was retired");
      } else {
        out_.notes.push_back(name + " is no file of the log; left alone");
      }
    }
    return {};
  }

  Result<void> load() {
    for (const std::string& name : names_) {
      auto segment = load_segment(directory_, name);
      if (!segment) return std::move(segment).error();
      std::uint64_t found = segment->header   ? segment->header->incarnation
                            : segment->footer ? segment->footer->incarnation
                                              : out_.incarnation;
      if (found != out_.incarnation)
        return Error{Fault::conflict,
                     directory_.path() + "/" + name + " belongs to another stream (incarnation " +
                         std::to_string(found) + ", not " + std::to_string(out_.incarnation) +
                         "): move it out of the folder"};
      if (segment->footer && segment->footer->incarnation != found) segment->footer.reset();
      segments_.push_back(std::move(*segment));
    }
    if (segments_.empty()) return {};
    return drop_unfinished_footer(segments_.back());
  }

  Result<bool> remove_unborn(const SegmentFile& segment) {
    State state;
    state.next_group = segment.first_group;
    auto scan = scan_groups(segment, out_.incarnation, std::nullopt, state,
                            [](const GroupHeader&, const std::vector<std::size_t>&) {});
    if (!scan) return std::move(scan).error();
    if (scan->groups > 0 || segment.footer) return false;
    if (segments_.size() == 1 && segment.first_group > 1)
      return Error{Fault::corrupt,
                   directory_.path() + "/" + segment.name + ": " + std::string(offsets_unknown)};
    if (auto kept = keep_torn(segment, 0, scan->torn_end); !kept) return std::move(kept).error();
    if (auto removed = directory_.remove(segment.name); !removed) return std::move(removed).error();
    if (auto synced = directory_.sync(); !synced) return std::move(synced).error();
    return true;
  }

  Result<void> keep_torn(const SegmentFile& segment, std::uint64_t from, std::uint64_t end) {
    if (end == from) return {};
    std::string name = free_torn_name(torn_names_, segment.name, from);
    std::string unfinished = name + ".new";
    auto file = directory_.open(unfinished, Directory::Open::create_new);
    if (!file) return std::move(file).error();
    if (auto copied = copy(*segment.file, from, end, **file, 0); !copied) return copied;
    if (auto synced = (*file)->sync(); !synced) return synced;
    if (auto renamed = directory_.rename(unfinished, name); !renamed) return renamed;
    if (auto synced = directory_.sync(); !synced) return synced;
    out_.notes.push_back("cut " + std::to_string(end - from) + " bytes of a torn group off " +
                         segment.name + " at file position " + std::to_string(from) +
                         ", as a crash leaves them; kept in " + name);
    return {};
  }

  Result<void> add(std::size_t i) {
    SegmentFile& file = segments_[i];
    bool is_last = i + 1 == segments_.size();
    if (auto begun = begin(i); !begun) return begun;

    auto segment = std::make_shared<Segment>();
    segment->name = file.name;
    segment->first_group = file.first_group;
    segment->sequence = file.header   ? file.header->sequence
                        : file.footer ? file.footer->sequence
                                      : out_.last_sequence + 1;
    segment->bytes = file.size;
    out_.last_sequence = segment->sequence;
    if (file.footer) return add_sealed(file, segment, is_last);
    return add_scanned(file, segment, is_last ? nullptr : &segments_[i + 1]);
  }

  // Checks that the segment follows the one before, and takes over what its header knows.
  Result<void> begin(std::size_t i) {
    const SegmentFile& file = segments_[i];
    if (i > 0 && file.first_group < out_.state.next_group)
      return Error{Fault::conflict, "it holds groups that " + segments_[i - 1].name +
                                        " holds too: a copy? Move it out of the folder"};
    bool follows = file.first_group == out_.state.next_group;
    if (!file.header && !file.footer && !follows &&
        (i + 1 == segments_.size() || !segments_[i + 1].header))
      return Error{Fault::corrupt, offsets_unknown};
    if (i > 0 && !follows) {
      StreamLog::Damage missing;
      missing.segment = segment_name(out_.state.next_group);
      missing.what = "missing: the groups " + std::to_string(out_.state.next_group) + " to " +
                     std::to_string(file.first_group - 1);
      if (file.header) missing.what += describe_gap(out_.state, file.header->state);
      out_.damage.push_back(std::move(missing));
    }
    out_.state.next_group = file.first_group;
    if (!file.header) return {};

    bool is_oldest_known = i == 0 || (i == 1 && !segments_[0].header && !segments_[0].footer);
    if (i == 0) out_.index.set_unlisted_first(file.header->state.next_of_unlisted);
    for (auto [shard, next] : file.header->state.next) {
      if (is_oldest_known && out_.index.find(shard) == nullptr)
        out_.index.begin_shard(shard, next);
      else
        out_.index.end_shard(shard, next);
    }
    out_.state = file.header->state;
    return {};
  }

  // Without its header, the oldest segment's own blocks say where its shards begin.
  void begin_shards_of_footer(const Footer& footer) {
    for (auto [shard, next] : footer.state.next) out_.index.begin_shard(shard, next);
    for (const ShardSummary& summary : footer.shards)
      out_.index.begin_shard(summary.shard, summary.first);
  }

  static std::string describe_gap(const State& before, const State& after) {
    std::string text;
    std::size_t named = 0;
    for (auto [shard, next] : after.next) {
      if (next == before.next_of(shard)) continue;
      // Enough to act on; a log may have thousands of shards.
      if (++named > 16) return text + ", and more shards";
      text += (named == 1 ? ": shard " : ", shard ") + std::to_string(shard) + " offsets " +
              std::to_string(before.next_of(shard)) + " to " + std::to_string(next - 1);
    }
    return text;
  }

  Result<void> add_sealed(const SegmentFile& file, const std::shared_ptr<Segment>& segment,
                          bool is_last) {
    if (!file.header) {
      note(*segment, {0, segment_prefix_bytes, "the segment's header; no record is lost by it"});
      if (out_.index.sealed_segments().empty()) begin_shards_of_footer(*file.footer);
    }
    out_.index.add_sealed(segment, *file.footer);
    out_.state = file.footer->state;
    for (auto [shard, end] : out_.state.next) out_.index.end_shard(shard, end);
    out_.groups += file.footer->groups;
    out_.records += file.footer->records;
    if (is_last) return make_durable(file, file.footer->position, file.size);
    return {};
  }

  Result<void> add_scanned(const SegmentFile& file, const std::shared_ptr<Segment>& segment,
                           const SegmentFile* successor) {
    out_.index.open_segment(segment);
    bool begins_shards = !file.header && out_.index.sealed_segments().empty();
    auto scan = scan_groups(
        file, out_.incarnation,
        successor ? std::optional<std::uint64_t>(successor->first_group) : std::nullopt, out_.state,
        [&](const GroupHeader& group, const std::vector<std::size_t>& bad) {
          for (const auto& [shard, block] : group.blocks) {
            if (begins_shards && out_.index.find(shard) == nullptr)
              out_.index.begin_shard(shard, block.first);
            out_.index.add(shard, block);
          }
          for (std::size_t index : bad)
            out_.index.note_damage(group.blocks[index].shard, group.blocks[index].block);
        });
    if (!scan) return std::move(scan).error();
    for (const DamagedRange& range : scan->damage) note(*segment, range);
    for (auto [shard, end] : out_.state.next) out_.index.end_shard(shard, end);
    out_.groups += scan->groups;
    out_.records += scan->records;
    if (successor) {
      // A damaged segment may have no index because it was not gone on with.
      bool reported = !scan->damage.empty() &&
                      (scan->end == file.size ||
                       scan->damage.back().position + scan->damage.back().bytes == file.size);
      if (!reported) note(*segment, {scan->end, file.size - scan->end, "the segment's index"});
      out_.index.seal_in_memory();
      return {};
    }

    if (scan->torn_end > scan->end) {
      if (auto kept = keep_torn(file, scan->end, scan->torn_end); !kept) return kept;
    }
    if (auto durable = make_durable(file, scan->synced_end, scan->end); !durable) return durable;
    // Nothing old may ever show behind a new group. Zeros that were reserved ahead go as well.
    if (file.size > scan->end) {
      if (auto cut = file.file->truncate(scan->end); !cut) return cut;
      if (auto synced = file.file->sync(); !synced) return synced;
    }
    segment->bytes = scan->end;
    if (!scan->damage.empty()) {
      // What lies in damaged bytes may look different once more bytes follow them. So nothing is
      // appended here: the next segment's header keeps where every shard goes on.
      out_.index.seal_in_memory();
      return {};
    }
    out_.open_file = file.file;
    out_.open_position = scan->end;
    out_.open_groups = scan->groups;
    out_.open_records = scan->records;
    return {};
  }

  Result<void> make_durable(const SegmentFile& file, std::uint64_t from, std::uint64_t end) {
    if (from < end) {
      if (auto copied = copy(*file.file, from, end, *file.file, from); !copied) return copied;
    }
    return file.file->sync();
  }

  void note(Segment& segment, const DamagedRange& range) {
    segment.damaged = true;
    out_.damage.push_back({segment.name, range.position, range.bytes, range.what});
  }

  Directory& directory_;
  Recovered out_;
  std::vector<std::string> names_;
  std::vector<std::string> torn_names_;
  std::vector<SegmentFile> segments_;
};

}  // namespace

Result<std::vector<std::string>> list_segments(Directory& directory,
                                               std::vector<std::string>& strangers) {
  auto names = directory.list();
  if (!names) return std::move(names).error();
  std::vector<std::string> segments;
  for (std::string& name : *names)
    (parse_segment_name(name) ? segments : strangers).push_back(std::move(name));
  return segments;
}

Result<Recovered> recover(Directory& directory, std::uint64_t incarnation) {
  return Recovery(directory, incarnation).run();
}

}  // namespace tailrace::log
