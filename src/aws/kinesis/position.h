#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "record/account.h"
#include "record/sequence_number.h"
#include "stream/stream.h"

namespace tailrace::aws::kinesis {

// Where somebody wants to begin to read a shard, as GetShardIterator and SubscribeToShard say it.
struct Position {
  std::string_view type;  // one of AWS's five
  std::optional<std::string_view> sequence_number;
  std::optional<std::int64_t> timestamp_ms;
  std::string_view action;  // for messages: "GetShardIterator"
};

// The offset to read from. It is fixed when this returns: records put later come behind LATEST.
// Sequence numbers need not be of a record: the shard's own first and last one and continuation
// numbers are as good. Fault::invalid in AWS's words.
Result<Offset> offset_of(stream::Stream& stream, const stream::Shard& shard,
                         const Position& position, const Account& account, std::int64_t now_ms);

// The sequence number behind which a reader goes on at `next`: AFTER_SEQUENCE_NUMBER leads there.
// It grows with time also where no record came.
std::string continuation_number(const stream::Shard& shard, Offset next, std::int64_t now_ms);

}  // namespace tailrace::aws::kinesis
