// When batches become a group, and when it is synced.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <mutex>
#include <utility>

#include "log/testing/log_fixture.h"

namespace tailrace::log {
namespace {

using ::testing::ElementsAre;
using std::chrono_literals::operator""ms;
using testing::patience;

class GroupCommitTest : public testing::LogFixture {};

TEST_F(GroupCommitTest, AGroupThatIsGivenTimeToFillIsWrittenThoughNobodyElseComes) {
  // So long takes each sync, and half of that is more than the writer waits.
  clock.step = std::chrono::hours{1};
  open();
  append(0, "x");
  for (std::uint64_t round = 1; round <= 3; ++round) {
    std::latch syncing{1}, go_on{1};
    std::atomic<bool> held{false};
    disk->on_sync([&] {
      if (held.exchange(true)) return;
      syncing.count_down();
      go_on.wait();
    });
    Batch batch = batch_at(1000);
    batch.add(0, "key", "held");
    ASSERT_TRUE(log->append(batch, patience));
    syncing.wait();
    StreamLog::Ticket last = 0;
    for (int i = 0; i < 6; ++i) {
      batch.add(0, "key", "waits");
      last = log->append(batch, patience)->ticket;
    }
    go_on.count_down();
    ASSERT_TRUE(log->wait_durable(last, patience));
    EXPECT_EQ(log->statistics().groups, 1 + 2 * round);
    disk->on_sync(nullptr);
  }
  open();
  EXPECT_EQ(payloads(0).size(), 1u + 3 * 7);
}

TEST_F(GroupCommitTest, SmallGroupsAreWrittenOverZerosAndLargeOnesAreNot) {
  open();
  for (int i = 0; i < 10; ++i) append(0, "x");
  EXPECT_EQ(disk->file_writes(), 1u + 1 + 10) << "the segment's header, the zeros, the groups";
  std::string large(100u << 10, 'x');
  for (int i = 0; i < 3; ++i) append(0, large);
  EXPECT_EQ(disk->file_writes(), 12u + 3);
  for (int i = 0; i < 10; ++i) append(0, "x");
  EXPECT_EQ(disk->file_writes(), 15u + 1 + 10);
  kill_and_open();
  EXPECT_EQ(payloads(0).size(), 23u);
}

TEST_F(GroupCommitTest, AFullQueueRefusesAfterThePatienceAndKeepsTheBatchTheCallers) {
  options.pending_bytes_max = 100;
  std::mutex held;
  held.lock();
  open();
  disk->on_sync([&] { std::lock_guard wait(held); });
  Batch batch;
  batch.add(0, "", std::string(90, 'x'));
  ASSERT_TRUE(log->append(batch, 0ms));
  batch.add(0, "", std::string(90, 'y'));
  auto refused = log->append(batch, 0ms);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::unavailable);
  EXPECT_EQ(batch.records(), 1u);
  EXPECT_EQ(log->wait_durable(1, 0ms).error().fault, Fault::timeout);
  held.unlock();
  append(batch);
  EXPECT_EQ(log->end_offset(0), 2u);
  disk->on_sync(nullptr);
}

TEST_F(GroupCommitTest, BatchesThatAreQueuedShareTheGroupOfTheNextFlush) {
  open();
  auto queue = [&](const std::string& payload) {
    Batch batch = batch_at(1000);
    batch.add(0, "key", payload);
    auto queued = log->queue(batch);
    ASSERT_TRUE(queued) << queued.error().message;
    EXPECT_TRUE(batch.empty());
  };
  for (const char* payload : {"a", "b", "c"}) queue(payload);
  log->flush();
  ASSERT_TRUE(log->wait_durable(3, patience));
  EXPECT_EQ(log->statistics().groups, 1u);

  queue("d");
  append(0, "e");  // tells the writer too
  EXPECT_EQ(log->statistics().groups, 2u);

  queue("f");
  log.reset();
  open();
  EXPECT_THAT(payloads(0), ElementsAre("a", "b", "c", "d", "e", "f"));
}

TEST_F(GroupCommitTest, WithSyncIntervalRecordsAreReadableBeforeTheyAreSynced) {
  options.sync = Sync::interval;
  options.sync_interval = std::chrono::hours{1};
  open();
  for (int i = 0; i < 10; ++i) append(0, "x");
  EXPECT_LE(disk->file_syncs(), 2u);  // the segment's header, and the first interval's
  EXPECT_EQ(payloads(0).size(), 10u);
  open();
  EXPECT_EQ(payloads(0).size(), 10u);
}

TEST_F(GroupCommitTest, WithSyncIntervalSyncedFollowsDurable) {
  options.sync = Sync::interval;
  options.sync_interval = std::chrono::hours{1};
  open();
  append(0, "x");  // synced at once, the first time
  append(0, "y");
  EXPECT_EQ(log->durable(), 2u);
  EXPECT_EQ(log->synced(), 1u);
  EXPECT_TRUE(log->wait_synced(1, 0ms));
  EXPECT_EQ(log->wait_synced(2, 1ms).error().fault, Fault::timeout);

  options.sync_interval = 1ms;
  open();
  EXPECT_EQ(log->synced(), 2u);
  std::promise<void> synced;
  auto subscription = log->subscribe([&, told = false]() mutable {
    if (log->synced() == 3 && !std::exchange(told, true)) synced.set_value();
  });
  append(0, "z");
  EXPECT_EQ(synced.get_future().wait_for(patience), std::future_status::ready);
  log->unsubscribe(subscription);
  EXPECT_TRUE(log->wait_synced(append(0, "again"), patience));
}

TEST_F(GroupCommitTest, WithSyncIntervalAFullDiskHoldsUpNoSync) {
  options.sync = Sync::interval;
  options.sync_interval = 200ms;
  open();
  append(0, "x");
  append(0, "y");
  disk->set_room(0);
  Batch large = batch_at(1000);
  large.add(0, "key", std::string(5u << 20, 'z'));  // beyond what was reserved ahead
  ASSERT_TRUE(log->append(large, patience));
  EXPECT_TRUE(log->wait_synced(2, patience));
  EXPECT_EQ(log->durable(), 2u);
}

TEST_F(GroupCommitTest, WithoutSyncNothingIsSyncedBeforeTheEnd) {
  options.sync = Sync::none;
  open();
  for (int i = 0; i < 10; ++i) append(0, "x");
  EXPECT_EQ(disk->file_syncs(), 1u);
  log.reset();
  EXPECT_GT(disk->file_syncs(), 1u);
  EXPECT_EQ(disk->after_power_cut(1)->content(only_segment()), disk->content(only_segment()));
}

}  // namespace
}  // namespace tailrace::log
