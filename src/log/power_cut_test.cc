// Random work on a disk that loses what was not synced, cut at random moments.

#include <gtest/gtest.h>

#include <random>

#include "log/testing/log_fixture.h"

namespace tailrace::log {
namespace {

using testing::content_of;
using testing::patience;

class PowerCutTest : public testing::LogFixture, public ::testing::WithParamInterface<int> {
 protected:
  static constexpr ShardNumber shards = 3;

  // What was acknowledged, and what was only given to append().
  struct Expected {
    std::map<ShardNumber, std::vector<std::string>> payloads;
    std::map<ShardNumber, std::size_t> acknowledged;
    std::map<ShardNumber, Offset> retired;
  };

  void check(const Expected& expected) {
    for (ShardNumber shard = 0; shard < shards; ++shard) {
      SCOPED_TRACE("shard " + std::to_string(shard));
      auto all = expected.payloads.find(shard);
      std::size_t given = all == expected.payloads.end() ? 0 : all->second.size();
      auto least = expected.acknowledged.find(shard);
      ASSERT_GE(log->end_offset(shard), least == expected.acknowledged.end() ? 0 : least->second);
      ASSERT_LE(log->end_offset(shard), given);
      auto content = content_of(*log, shard);
      ASSERT_EQ(content.failures, 0u);
      ASSERT_EQ(content.payloads.size(), log->end_offset(shard) - log->first_offset(shard));
      for (auto& [offset, payload] : content.payloads) ASSERT_EQ(payload, all->second[offset]);
      auto horizon = expected.retired.find(shard);
      ASSERT_LE(log->first_offset(shard), horizon == expected.retired.end() ? 0 : horizon->second);
      // The mark counts the records: it moved with them or not at all.
      auto mark = log->mark("count " + std::to_string(shard));
      ASSERT_EQ(mark.value_or("0"), std::to_string(log->end_offset(shard)));
    }
    ASSERT_TRUE(log->damage().empty()) << log->damage()[0].what;
  }
};

TEST_P(PowerCutTest, WhatWasAcknowledgedIsThereOnceInOrderWithItsMarks) {
  auto seed = static_cast<std::uint64_t>(GetParam());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  options.segment_bytes_max = 500 + random() % 3000;
  Expected expected;
  for (int life = 0; life < 6; ++life) {
    open();
    check(expected);
    if (HasFatalFailure()) return;
    // What a cut left of the unacknowledged is there for good now.
    for (ShardNumber shard = 0; shard < shards; ++shard) {
      expected.payloads[shard].resize(log->end_offset(shard));
      expected.acknowledged[shard] = log->end_offset(shard);
    }
    disk->take_image_at_change(random() % 60, random());
    // The image is taken on the log's thread, so what counts as acknowledged must be older.
    Expected at_cut = expected;
    std::unique_ptr<MemoryDirectory> image;
    for (int step = 0; step < 60 && !image; ++step) {
      Expected before = expected;
      std::uint64_t what = random() % 10;
      if (what == 0) {
        ASSERT_TRUE(log->retire(0, options.segment_bytes_max * (1 + random() % 4)));
        for (ShardNumber shard = 0; shard < shards; ++shard)
          expected.retired[shard] = log->first_offset(shard);
      } else {
        Batch batch;
        for (std::uint64_t i = 0, count = 1 + random() % 5; i < count; ++i) {
          auto shard = static_cast<ShardNumber>(random() % shards);
          auto& payloads = expected.payloads[shard];
          payloads.push_back(std::to_string(random()) + std::string(random() % 400, 'p'));
          batch.add(shard, "key", payloads.back());
          batch.set_mark("count " + std::to_string(shard), std::to_string(payloads.size()));
        }
        auto appended = log->append(batch, patience);
        ASSERT_TRUE(appended);
        if (what < 8) {
          ASSERT_TRUE(log->wait_durable(appended->ticket, patience));
          for (auto& [shard, payloads] : expected.payloads)
            expected.acknowledged[shard] = payloads.size();
        }
      }
      image = disk->taken_image();
      at_cut = expected;
      if (image) {
        // Acknowledged before the step in which it was taken; given up to now.
        at_cut.acknowledged = before.acknowledged;
      }
    }
    if (!image) image = disk->after_power_cut(random());
    log.reset();
    disk = std::move(image);
    expected = at_cut;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, PowerCutTest, ::testing::Range(1, 61));

}  // namespace
}  // namespace tailrace::log
