#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tailrace {

// Counts the records of one shard from 0. Never reused, never skipped.
using Offset = std::uint64_t;

// A shard's number in its stream, counted up for ever within a stream's incarnation.
using ShardNumber = std::uint32_t;

// "shardId-000000000007", as Kinesis names shards.
std::string shard_id(ShardNumber shard);
std::optional<ShardNumber> parse_shard_id(std::string_view id);

// A record's offset as the outside sees it: the 186-bit number that Kinesis calls version 2, in
// decimal (56 digits). From the high end, in bits: constant 2 (4), shard creation second (36),
// shard mod 16 (4), counter (64), zero (8), record second (36), shard (32), version 2 (4).
// The counter is the offset + 1, so the number leads back to the offset and rises with it.
struct SequenceNumber {
  std::int64_t shard_created_seconds = 0;
  ShardNumber shard = 0;
  std::uint64_t counter = 0;  // 0: the start of a shard; 2^63-1: the end of a closed one
  std::int64_t record_seconds = 0;
  bool operator==(const SequenceNumber&) const = default;
};

std::string to_string(const SequenceNumber& number);
std::optional<SequenceNumber> parse_sequence_number(std::string_view decimal);

}  // namespace tailrace
