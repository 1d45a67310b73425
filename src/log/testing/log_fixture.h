#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/memory_directory.h"
#include "log/stream_log.h"

namespace tailrace::log::testing {

class SteppedClock final : public Clock {
 public:
  UnixMicros now() override { return time; }
  std::chrono::steady_clock::time_point steady() override { return steady_ += step; }
  UnixMicros time{std::chrono::milliseconds{1000}};
  std::chrono::seconds step{0};  // between two looks at the steady clock, both by the writer

 private:
  std::chrono::steady_clock::time_point steady_;
};

// Tests of the log wait for other threads at most so long: for ever, as long as they pass.
inline constexpr std::chrono::minutes patience{1};

// Everything readable of a shard, by offset; ranges that are reported as damaged are stepped over.
struct ShardContent {
  std::map<Offset, std::string> payloads;
  std::size_t failures = 0;
};

inline ShardContent content_of(StreamLog& log, ShardNumber shard, std::size_t records_max = 1000) {
  ShardContent content;
  Offset at = log.first_offset(shard);
  while (at < log.end_offset(shard)) {
    auto read = log.read(shard, at, records_max, 1u << 20);
    if (read && read->next > at) {
      for (const Record& record : read->records)
        content.payloads[record.offset] = std::string(record.payload);
      at = read->next;
      continue;
    }
    ++content.failures;
    auto behind = log.end_of_damage(shard, at);
    EXPECT_TRUE(behind && *behind > at) << "no way past offset " << at;
    if (!behind || *behind <= at) break;
    at = *behind;
  }
  return content;
}

class LogFixture : public ::testing::Test {
 protected:
  ~LogFixture() override { log.reset(); }

  static StreamLog::Options small_options() {
    StreamLog::Options options;
    options.name = "orders";
    options.incarnation = 7;
    return options;
  }

  Result<void> try_open(MemoryDirectory& on) {
    log.reset();
    auto opened = StreamLog::open(on, options, clock);
    if (!opened) return std::move(opened).error();
    log = std::move(*opened);
    return {};
  }
  void open() {
    auto opened = try_open(*disk);
    ASSERT_TRUE(opened) << opened.error().message;
  }
  // As after kill -9: everything written is there, nothing was closed.
  void kill_and_open() {
    auto after = disk->after_kill();
    log.reset();
    disk = std::move(after);
    open();
  }

  Batch batch_at(std::int64_t ms) { return Batch(UnixMicros{std::chrono::milliseconds{ms}}); }

  StreamLog::Ticket append(ShardNumber shard, const std::string& payload, std::int64_t ms = 1000) {
    Batch batch = batch_at(ms);
    batch.add(shard, "key", payload);
    return append(batch);
  }
  // Each batch in a group of its own, since it waits for it.
  StreamLog::Ticket append(Batch& batch) {
    auto appended = log->append(batch, patience);
    EXPECT_TRUE(appended) << appended.error().message;
    if (!appended) return 0;
    auto durable = log->wait_durable(appended->ticket, patience);
    EXPECT_TRUE(durable) << durable.error().message;
    return appended->ticket;
  }

  std::vector<std::string> payloads(ShardNumber shard) {
    std::vector<std::string> all;
    ShardContent content = content_of(*log, shard);
    EXPECT_EQ(content.failures, 0u);
    for (auto& [offset, payload] : content.payloads) all.push_back(payload);
    return all;
  }

  std::vector<std::string> names() { return *disk->list(); }
  std::string only_segment() { return names().at(0); }

  StreamLog::Options options = small_options();
  SteppedClock clock;
  std::unique_ptr<MemoryDirectory> disk = std::make_unique<MemoryDirectory>();
  std::unique_ptr<StreamLog> log;
};

}  // namespace tailrace::log::testing
