#include "log/batch.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "log/format.h"

namespace tailrace::log {

Batch& Batch::operator=(Batch&& other) noexcept {
  TAILRACE_CHECK(!other.is_open_);
  arrival_ = other.arrival_;
  pieces_ = std::exchange(other.pieces_, {});
  marks_ = std::exchange(other.marks_, {});
  records_ = std::exchange(other.records_, 0);
  bytes_ = std::exchange(other.bytes_, 0);
  is_open_ = false;
  return *this;
}

Buffer& Batch::begin_record(ShardNumber shard, std::string_view partition_key) {
  TAILRACE_CHECK(!is_open_ && partition_key.size() <= std::numeric_limits<std::uint16_t>::max());
  open_ = pieces_.try_emplace(shard).first;
  is_open_ = true;
  Buffer& frames = open_->second.frames;
  open_at_ = frames.size();
  frames.append_le(std::uint32_t{0});
  frames.append_le(static_cast<std::uint16_t>(partition_key.size()));
  frames.append_le(std::uint8_t{0});
  frames.append_le(unix_ms(arrival_));
  frames.append(partition_key);
  return frames;
}

void Batch::end_record() {
  TAILRACE_CHECK(is_open_);
  Piece& piece = open_->second;
  std::size_t frame = piece.frames.size() - open_at_;
  TAILRACE_CHECK(frame - frame_length_bytes <= std::numeric_limits<std::uint32_t>::max());
  piece.frames.put_le(open_at_, static_cast<std::uint32_t>(frame - frame_length_bytes));
  std::int64_t arrival_ms = unix_ms(arrival_);
  piece.arrival_min_ms = piece.count == 0 ? arrival_ms : std::min(piece.arrival_min_ms, arrival_ms);
  piece.arrival_max_ms = piece.count == 0 ? arrival_ms : std::max(piece.arrival_max_ms, arrival_ms);
  ++piece.count;
  ++records_;
  bytes_ += frame;
  is_open_ = false;
}

void Batch::abandon_record() {
  TAILRACE_CHECK(is_open_);
  open_->second.frames.truncate(open_at_);
  if (open_->second.count == 0) pieces_.erase(open_);
  is_open_ = false;
}

void Batch::add(ShardNumber shard, std::string_view partition_key, std::string_view payload) {
  begin_record(shard, partition_key).append(payload);
  end_record();
}

void Batch::set_mark(std::string key, std::string value) {
  TAILRACE_CHECK(key.size() <= std::numeric_limits<std::uint16_t>::max() &&
                 value.size() <= mark_value_bytes_max);
  bytes_ += key.size() + value.size();
  marks_.insert_or_assign(std::move(key), std::move(value));
}

}  // namespace tailrace::log
