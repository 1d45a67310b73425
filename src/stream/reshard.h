#pragma once

#include <cstdint>

#include "base/result.h"
#include "stream/stream_spec.h"

namespace tailrace::stream {

// Resharding as a change of a spec: parents are closed, children named after them get the next
// numbers. Pure; Fault::invalid names what is wrong in a sentence about shards.

// The children get [first, new_first - 1] and [new_first, last].
Result<void> split(StreamSpec& spec, ShardNumber shard, HashKey new_first, std::int64_t now_ms);
// `adjacent` begins where `shard` ends.
Result<void> merge(StreamSpec& spec, ShardNumber shard, ShardNumber adjacent, std::int64_t now_ms);
// Splits and merges until `target` open shards divide the ring evenly, so that every new shard has
// parents. Shards in between are closed at once and stay empty. A boundary that is right up to a
// rounding of the division stays where it is.
void scale(StreamSpec& spec, std::uint32_t target, std::int64_t now_ms);

}  // namespace tailrace::stream
