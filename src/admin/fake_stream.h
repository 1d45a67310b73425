#pragma once

#include <memory>
#include <utility>

#include "admin/api_fixture.h"
#include "log/testing/memory_log.h"
#include "stream/testing/resharding.h"

namespace tailrace::admin {

// Stands at 1970, so that no arrival is past the retention.
class EpochClock final : public Clock {
 public:
  UnixMicros now() override { return {}; }
  std::chrono::steady_clock::time_point steady() override {
    return std::chrono::steady_clock::now();
  }
};

struct FakeStream {
  explicit FakeStream(std::uint32_t shards) {
    auto made = std::make_unique<log::testing::MemoryLog>();
    log = made.get();
    stream::StreamSpec spec;
    spec.name = "orders";
    spec.created_seconds = 1769853600;
    spec.shards = stream::initial_shards(shards, spec.created_seconds);
    stream = std::make_shared<stream::Stream>(std::move(spec), std::move(made), clock);
  }

  // Who waits for the log, beside the stream itself.
  std::size_t watchers() { return log->subscribers() - 1; }
  void split(ShardNumber shard) { stream::testing::split(*stream, shard, 0); }
  void merge(ShardNumber shard, ShardNumber adjacent) {
    stream::testing::merge(*stream, shard, adjacent, 0);
  }

  EpochClock clock;
  log::testing::MemoryLog* log;
  std::shared_ptr<stream::Stream> stream;
};

}  // namespace tailrace::admin
