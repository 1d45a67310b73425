#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>

#include "stream/reshard.h"
#include "stream/stream.h"

namespace tailrace::stream {

// What StreamOperations does after its transaction.
template <typename Change>
void reshard(Stream& stream, Change change) {
  StreamSpec changed = *stream.spec();
  change(changed);
  stream.adopt(std::move(changed));
}

// In the middle of its range; the children have the next two numbers.
inline void split(Stream& stream, ShardNumber shard, std::int64_t now_ms) {
  reshard(stream, [&](StreamSpec& changed) {
    HashRange range = changed.find_shard(shard)->range;
    HashKey middle{range.first.value + (range.last.value - range.first.value) / 2 + 1};
    ASSERT_TRUE(split(changed, shard, middle, now_ms));
  });
}

inline void merge(Stream& stream, ShardNumber shard, ShardNumber adjacent, std::int64_t now_ms) {
  reshard(stream,
          [&](StreamSpec& changed) { ASSERT_TRUE(merge(changed, shard, adjacent, now_ms)); });
}

}  // namespace tailrace::stream
