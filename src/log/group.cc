#include "log/group.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/crc32c.h"

namespace tailrace::log {

Group::Group(std::vector<PendingBatch> batches, std::uint64_t number, StreamLog::Ticket last_ticket)
    : batches_(std::move(batches)) {
  header_.number = number;
  header_.last_ticket = batches_.empty() ? last_ticket : batches_.back().ticket;
  for (const PendingBatch& pending : batches_) {
    std::size_t i = 0;
    for (const auto& [shard, piece] : pending.batch.pieces())
      parts_.push_back({shard, pending.firsts[i++].offset, &piece});
    for (const auto& [key, value] : pending.batch.marks())
      header_.marks.insert_or_assign(key, value);
  }
  std::stable_sort(parts_.begin(), parts_.end(),
                   [](const Part& a, const Part& b) { return a.shard < b.shard; });

  std::uint64_t frames = 0;
  for (const auto& [shard, first, piece] : parts_) {
    if (header_.blocks.empty() || header_.blocks.back().shard != shard) {
      ShardBlock& entry = header_.blocks.emplace_back();
      entry.shard = shard;
      entry.block.first = first;
      entry.block.arrival_min_ms = piece->arrival_min_ms;
      entry.block.arrival_max_ms = piece->arrival_max_ms;
    }
    Block& block = header_.blocks.back().block;
    TAILRACE_CHECK(block.end() == first);
    block.count += piece->count;
    block.length += piece->frames.size();
    block.arrival_min_ms = std::min(block.arrival_min_ms, piece->arrival_min_ms);
    block.arrival_max_ms = std::max(block.arrival_max_ms, piece->arrival_max_ms);
    frames += piece->frames.size();
  }
  header_.header_length = group_header_bytes(header_.marks, header_.blocks.size());
  TAILRACE_CHECK(header_.header_length <= std::numeric_limits<std::uint32_t>::max());
  header_.length = header_.header_length + frames;
}

std::size_t Group::pending_bytes() const {
  std::size_t bytes = 0;
  for (const PendingBatch& pending : batches_) bytes += pending.bytes;
  return bytes;
}

void Group::place(std::uint64_t incarnation, std::uint64_t position, std::uint64_t synced_end,
                  UnixMicros now) {
  header_.position = position;
  header_.synced_end = synced_end;
  header_.written_micros = now.time_since_epoch().count();
  pieces_.clear();
  pieces_.reserve(parts_.size() + 1);
  pieces_.emplace_back();  // the header, when it is known

  std::uint64_t at = position + header_.header_length;
  std::size_t part = 0;
  for (auto& [shard, block] : header_.blocks) {
    block.position = at;
    block.crc = block_seed(incarnation, shard, block.first, at);
    for (; part < parts_.size() && parts_[part].shard == shard; ++part) {
      std::string_view frames = parts_[part].piece->frames.view();
      block.crc = crc32c(frames, block.crc);
      pieces_.push_back({const_cast<char*>(frames.data()), frames.size()});
    }
    at += block.length;
  }
  header_bytes_ = encode(header_, incarnation);
  pieces_.front() = {header_bytes_.data(), header_bytes_.size()};
}

}  // namespace tailrace::log
