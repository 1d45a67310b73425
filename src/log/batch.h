#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/clock.h"
#include "record/sequence_number.h"

namespace tailrace::log {

// Small named values that are durable in the same group as the records beside them: how far a task
// has come, for example. The log keeps the newest value of each key and knows nothing of its
// content.
using Marks = std::map<std::string, std::string, std::less<>>;

// Records of several shards on their way into the log, already in the log's own form, so that a
// message is written once, straight into the bytes that reach the disk. Not thread-safe.
class Batch {
 public:
  // `arrival` is stored with every record begun from now on.
  explicit Batch(UnixMicros arrival = {}) : arrival_(arrival) {}
  Batch(Batch&& other) noexcept : Batch(other.arrival_) { *this = std::move(other); }
  Batch& operator=(Batch&& other) noexcept;

  // Moves the content out, in which no record may be open. This batch is empty then, with the same
  // arrival, and may be filled again.
  Batch take() noexcept { return std::move(*this); }

  void set_arrival(UnixMicros arrival) { arrival_ = arrival; }

  // Starts a record. Its payload is what the caller appends to the returned buffer until
  // end_record(); it must not touch what was in the buffer before. The key is at most 65,535 bytes.
  Buffer& begin_record(ShardNumber shard, std::string_view partition_key);
  void end_record();
  // Takes the record back that was begun and not ended.
  void abandon_record();
  void add(ShardNumber shard, std::string_view partition_key, std::string_view payload);

  void set_mark(std::string key, std::string value);

  // Of all that is ended, in the log's form.
  std::size_t bytes() const { return bytes_; }
  std::size_t records() const { return records_; }
  bool empty() const { return records_ == 0 && marks_.empty(); }

  // For the log: one piece a shard, in order of shard number.
  struct Piece {
    Buffer frames;
    std::uint32_t count = 0;
    std::int64_t arrival_min_ms = 0;
    std::int64_t arrival_max_ms = 0;
  };
  const std::map<ShardNumber, Piece>& pieces() const { return pieces_; }
  const Marks& marks() const { return marks_; }

 private:
  UnixMicros arrival_;
  std::map<ShardNumber, Piece> pieces_;
  Marks marks_;
  std::size_t records_ = 0;
  std::size_t bytes_ = 0;
  // The record that was begun and not ended: its piece and where it starts there.
  std::map<ShardNumber, Piece>::iterator open_{};
  bool is_open_ = false;
  std::size_t open_at_ = 0;
};

}  // namespace tailrace::log
