#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/memory_directory.h"
#include "stream/streams.h"
#include "stream/testing/resharding.h"

namespace tailrace::stream {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;

inline constexpr std::chrono::milliseconds patience = std::chrono::seconds{30};

class FixedClock final : public Clock {
 public:
  UnixMicros now() override { return UnixMicros(std::chrono::microseconds(micros)); }
  std::chrono::steady_clock::time_point steady() override { return {}; }
  void step(std::chrono::microseconds by) { micros += by.count(); }
  std::int64_t ms() const { return micros / 1000; }

  std::atomic<std::int64_t> micros = 1'700'000'000'000'000;
};

// Streams on a disk in memory.
class StreamTest : public ::testing::Test {
 protected:
  static StreamSpec spec(const std::string& name, std::uint32_t shards) {
    StreamSpec spec;
    spec.name = name;
    spec.incarnation = 0xabc;
    spec.shards = initial_shards(shards, 1'600'000'000);
    return spec;
  }
  std::shared_ptr<Stream> open(std::uint32_t shards) {
    return streams->open(spec("orders", shards)).value();
  }
  // As after the process was killed.
  std::shared_ptr<Stream> reopen(StreamSpec as) {
    disk = disk->after_kill();
    streams = std::make_unique<Streams>(*disk, clock);
    return streams->open(std::move(as)).value();
  }

  // Durable when it returns.
  static void put(Stream& stream, const std::string& key, const std::string& payload) {
    auto batch = stream.begin_batch();
    batch.add(key, payload);
    auto appended = stream.append(batch, patience);
    ASSERT_TRUE(appended) << appended.error().message;
    ASSERT_TRUE(stream.log().wait_durable(appended->ticket, patience));
  }
  static std::vector<std::string> payloads(Stream& stream, ShardNumber shard, Offset from = 0) {
    std::vector<std::string> all;
    for (;;) {
      auto read = stream.read(shard, from, 100, 1 << 20);
      EXPECT_TRUE(read) << read.error().message;
      if (!read || read->records.records.empty()) return all;
      for (const auto& record : read->records.records) all.emplace_back(record.payload);
      from = read->next;
    }
  }
  void split(Stream& stream, ShardNumber shard) {
    stream::testing::split(stream, shard, clock.ms());
  }
  void merge(Stream& stream, ShardNumber shard, ShardNumber adjacent) {
    stream::testing::merge(stream, shard, adjacent, clock.ms());
  }

  std::unique_ptr<MemoryDirectory> disk = std::make_unique<MemoryDirectory>();
  FixedClock clock;
  std::unique_ptr<Streams> streams = std::make_unique<Streams>(*disk, clock);
};

}  // namespace tailrace::stream
