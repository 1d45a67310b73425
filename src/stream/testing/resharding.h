#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>

#include "stream/reshard.h"
#include "stream/stream.h"

namespace tailrace::stream::testing {

// Where the upper half of the range begins.
inline HashKey middle(const HashRange& range) {
  return {range.first.value + (range.last.value - range.first.value) / 2 + 1};
}

// What StreamOperations does after its transaction. A change that is refused fails the test.
template <typename Change>
void reshard(Stream& stream, Change change) {
  StreamSpec changed = *stream.spec();
  auto made = change(changed);
  ASSERT_TRUE(made) << made.error().message;
  stream.adopt(std::move(changed));
}

// In the middle of its range; the children have the next two numbers.
inline void split(Stream& stream, ShardNumber shard, std::int64_t now_ms) {
  reshard(stream, [&](StreamSpec& changed) {
    return split(changed, shard, middle(changed.find_shard(shard)->range), now_ms);
  });
}

inline void merge(Stream& stream, ShardNumber shard, ShardNumber adjacent, std::int64_t now_ms) {
  reshard(stream, [&](StreamSpec& changed) { return merge(changed, shard, adjacent, now_ms); });
}

}  // namespace tailrace::stream::testing
