#include "stream/batch.h"

#include <map>

#include "base/check.h"
#include "log/format.h"

namespace tailrace::stream {

Buffer& Batch::begin_record(std::string_view partition_key) {
  added_.push_back({.shard = shard_for(hash_key_of(partition_key))});
  return content_.begin_record(added_.back().shard, partition_key);
}

Buffer& Batch::begin_record(std::string_view partition_key, HashKey hash) {
  added_.push_back({.shard = shard_for(hash), .has_hash = true});
  hashes_.push_back(hash);
  return content_.begin_record(added_.back().shard, partition_key);
}

void Batch::end_record() { content_.end_record(); }

void Batch::abandon_record() {
  content_.abandon_record();
  if (added_.back().has_hash) hashes_.pop_back();
  added_.pop_back();
}

void Batch::add(std::string_view partition_key, std::string_view payload) {
  begin_record(partition_key).append(payload);
  end_record();
}

void Batch::add_to_every_shard(std::string_view partition_key, std::string_view payload) {
  for (const Shard& shard : routes_->shards()) content_.add(shard.number, partition_key, payload);
  added_.push_back({.everywhere = true});
}

void Batch::route_anew(std::shared_ptr<const Routes> routes) {
  Batch other(std::move(routes), arrival_);
  std::map<ShardNumber, log::FrameReader> readers;
  for (const auto& [shard, piece] : content_.pieces())
    readers.emplace(shard, log::FrameReader(piece.frames.view()));
  auto next = [&](ShardNumber shard) {
    auto frame = readers.at(shard).next();
    TAILRACE_CHECK(frame);  // we wrote it
    other.set_arrival(UnixMicros(std::chrono::milliseconds(frame->arrival_ms)));
    return *frame;
  };
  auto hash = hashes_.begin();
  for (const Added& added : added_) {
    if (added.everywhere) {
      log::Frame copy;
      for (const Shard& shard : routes_->shards()) copy = next(shard.number);
      other.add_to_every_shard(copy.partition_key, copy.payload);
      continue;
    }
    log::Frame frame = next(added.shard);
    if (added.has_hash)
      other.begin_record(frame.partition_key, *hash++).append(frame.payload);
    else
      other.begin_record(frame.partition_key).append(frame.payload);
    other.end_record();
  }
  for (const auto& [key, value] : content_.marks()) other.set_mark(key, value);
  other.set_arrival(arrival_);
  *this = std::move(other);
}

void Batch::restart() {
  added_.clear();
  hashes_.clear();
}

}  // namespace tailrace::stream
