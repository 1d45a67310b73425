#include "log/index.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace tailrace::log {
namespace {

ShardSummary summary_of(ShardNumber shard, const std::vector<Block>& blocks) {
  ShardSummary summary;
  summary.shard = shard;
  summary.first = blocks.front().first;
  summary.end = blocks.back().end();
  summary.arrival_min_ms = blocks.front().arrival_min_ms;
  summary.arrival_max_ms = blocks.front().arrival_max_ms;
  for (const Block& block : blocks) {
    summary.arrival_min_ms = std::min(summary.arrival_min_ms, block.arrival_min_ms);
    summary.arrival_max_ms = std::max(summary.arrival_max_ms, block.arrival_max_ms);
  }
  return summary;
}

}  // namespace

std::vector<Block>::const_iterator block_at(const std::vector<Block>& blocks, Offset offset) {
  return std::upper_bound(blocks.begin(), blocks.end(), offset,
                          [](Offset wanted, const Block& block) { return wanted < block.end(); });
}

std::deque<Index::Run>::const_iterator Index::Shard::run_at(Offset offset) const {
  return std::upper_bound(sealed.begin(), sealed.end(), offset,
                          [](Offset wanted, const Run& run) { return wanted < run.summary.end; });
}

std::optional<Offset> Index::Shard::end_of_damaged_block(Offset offset) const {
  auto block = damaged.upper_bound(offset);
  if (block == damaged.begin() || std::prev(block)->second <= offset) return std::nullopt;
  return std::prev(block)->second;
}

const Index::Shard* Index::find(ShardNumber shard) const {
  auto found = shards_.find(shard);
  return found == shards_.end() ? nullptr : &found->second;
}

Offset Index::first_offset(ShardNumber shard) const {
  const Shard* found = find(shard);
  return found == nullptr ? unlisted_first_ : found->first;
}

Offset Index::end_offset(ShardNumber shard) const {
  const Shard* found = find(shard);
  return found == nullptr ? unlisted_end_ : found->end;
}

Index::Shard& Index::at(ShardNumber shard) {
  auto [entry, is_new] = shards_.try_emplace(shard);
  if (is_new) {
    entry->second.first = unlisted_first_;
    entry->second.end = unlisted_end_;
  }
  return entry->second;
}

void Index::begin_shard(ShardNumber shard, Offset first) {
  Shard& entry = at(shard);
  entry.first = first;
  entry.end = std::max(entry.end, first);
}

void Index::end_shard(ShardNumber shard, Offset end) {
  Shard& entry = at(shard);
  entry.end = std::max(entry.end, end);
}

void Index::open_segment(std::shared_ptr<Segment> segment) {
  TAILRACE_CHECK(open_ == nullptr);
  open_ = std::move(segment);
}

void Index::add(ShardNumber shard, const Block& block) {
  Shard& entry = at(shard);
  entry.open.push_back(block);
  entry.end = block.end();
  open_->arrival_max_ms = std::max(open_->arrival_max_ms, block.arrival_max_ms);
}

std::map<ShardNumber, const std::vector<Block>*> Index::open_blocks() const {
  std::map<ShardNumber, const std::vector<Block>*> blocks;
  for (const auto& [shard, entry] : shards_)
    if (!entry.open.empty()) blocks[shard] = &entry.open;
  return blocks;
}

void Index::seal(const Footer& footer) {
  for (const ShardSummary& summary : footer.shards) {
    Shard& entry = at(summary.shard);
    entry.sealed.push_back({open_, summary, nullptr});
    entry.open = {};
  }
  sealed_.push_back(std::exchange(open_, nullptr));
}

void Index::seal_in_memory() {
  for (auto& [shard, entry] : shards_) {
    if (entry.open.empty()) continue;
    auto blocks = std::make_shared<const std::vector<Block>>(std::exchange(entry.open, {}));
    entry.sealed.push_back({open_, summary_of(shard, *blocks), blocks});
  }
  sealed_.push_back(std::exchange(open_, nullptr));
}

void Index::add_sealed(std::shared_ptr<Segment> segment, const Footer& footer) {
  for (const ShardSummary& summary : footer.shards) {
    Shard& entry = at(summary.shard);
    entry.sealed.push_back({segment, summary, nullptr});
    entry.end = std::max(entry.end, summary.end);
    segment->arrival_max_ms = std::max(segment->arrival_max_ms, summary.arrival_max_ms);
  }
  sealed_.push_back(std::move(segment));
}

void Index::replace_list(ShardNumber shard, const Segment& segment,
                         std::shared_ptr<const std::vector<Block>> blocks) {
  for (Run& run : at(shard).sealed)
    if (run.segment.get() == &segment) run.blocks = blocks;
}

void Index::note_damage(ShardNumber shard, const Block& block) {
  at(shard).damaged[block.first] = block.end();
}

void Index::drop_oldest() {
  TAILRACE_CHECK(!sealed_.empty());
  std::shared_ptr<Segment> oldest = sealed_.front();
  sealed_.pop_front();
  for (auto& [shard, entry] : shards_) {
    if (entry.sealed.empty() || entry.sealed.front().segment != oldest) continue;
    entry.first = std::max(entry.first, entry.sealed.front().summary.end);
    entry.sealed.pop_front();
    entry.damaged.erase(entry.damaged.begin(), entry.damaged.lower_bound(entry.first));
  }
}

}  // namespace tailrace::log
