#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "record/sequence_number.h"

namespace tailrace::aws::kinesis {

// Where a reader stands in a shard, as a text that the client hands back: the server keeps nothing,
// so an iterator outlives a restart, and the same one always leads to the same records.
//
// Base64 of, in little endian: form 1 (1 byte), stream incarnation (8), shard (4), offset (8),
// issued at, in ms (8), serial (8), the stream's name (1 to 128), and the first 16 bytes of the
// HMAC-SHA256 of all that. At most 244 characters; clients are promised 512.
struct ShardIterator {
  std::string stream;
  std::uint64_t incarnation = 0;
  ShardNumber shard = 0;
  Offset offset = 0;  // of the next record to read
  std::int64_t issued_ms = 0;
  bool operator==(const ShardIterator&) const = default;
};

// Any thread may call.
class ShardIterators {
 public:
  // The key is what makes an iterator ours: 32 secret bytes that stay the same over restarts.
  explicit ShardIterators(std::string key) : key_(std::move(key)) {}

  // No two texts are the same, also for one place.
  std::string seal(const ShardIterator& iterator);
  // Nothing unless it was sealed with this key. Double quotes around it are taken off, since people
  // paste what `aws --query` prints.
  std::optional<ShardIterator> open(std::string_view text) const;

 private:
  std::string mac(std::string_view content) const;

  const std::string key_;
  std::atomic<std::uint64_t> serial_{0};
};

}  // namespace tailrace::aws::kinesis
