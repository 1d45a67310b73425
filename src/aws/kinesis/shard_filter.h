#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/value.h"
#include "base/result.h"
#include "stream/stream_spec.h"

namespace tailrace::aws::kinesis {

// Which of a stream's shards ListShards lists.
struct ShardFilter {
  enum class Type {
    after_shard_id,     // those with a higher number
    at_trim_horizon,    // open when the oldest record that is still there arrived
    from_trim_horizon,  // all that have not expired
    at_latest,          // open now
    at_timestamp,       // open then
    from_timestamp,     // open then or later
  };
  Type type = Type::from_trim_horizon;
  ShardNumber shard = 0;
  std::int64_t timestamp_ms = 0;
  bool operator==(const ShardFilter&) const = default;
};

// The ShardFilter of an input; without one all that have not expired. Fault::invalid when its
// members do not fit its type.
Result<ShardFilter> read_shard_filter(const Value& input);

// As a page token keeps it.
std::string to_text(const ShardFilter& filter);
std::optional<ShardFilter> parse_shard_filter(std::string_view text);

// `shards` are those of `spec` that have not expired, in order of number.
std::vector<stream::Shard> filter_shards(std::vector<stream::Shard> shards,
                                         const stream::StreamSpec& spec, const ShardFilter& filter,
                                         std::int64_t now_ms);

}  // namespace tailrace::aws::kinesis
