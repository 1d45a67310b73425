#include "log/stream_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "base/crc32c.h"
#include "log/format.h"
#include "log/testing/log_fixture.h"

namespace tailrace::log {
namespace {

using testing::content_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::patience;

class StreamLogTest : public testing::LogFixture {};

TEST_F(StreamLogTest, WhatWasAppendedIsReadBackInOrder) {
  open();
  append(0, "first");
  append(1, "other");
  append(0, "second");
  EXPECT_THAT(payloads(0), ElementsAre("first", "second"));
  EXPECT_THAT(payloads(1), ElementsAre("other"));
  EXPECT_EQ(log->end_offset(0), 2u);
  EXPECT_EQ(log->first_offset(0), 0u);

  auto read = log->read(0, 1, 10, 1000);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->records.size(), 1u);
  EXPECT_EQ(read->records[0].offset, 1u);
  EXPECT_EQ(read->records[0].partition_key, "key");
  EXPECT_EQ(read->records[0].arrival_ms, 1000);
  EXPECT_EQ(read->next, 2u);
}

TEST_F(StreamLogTest, ReadingAtTheEndGivesNothing) {
  open();
  append(0, "only");
  auto read = log->read(0, 1, 10, 1000);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->records.empty());
  EXPECT_EQ(read->next, 1u);
  EXPECT_TRUE(log->read(99, 0, 10, 1000)->records.empty());
}

TEST_F(StreamLogTest, OffsetsAreGivenByAppendAndCountEachShard) {
  open();
  Batch batch;
  batch.add(3, "", "a");
  batch.add(1, "", "b");
  batch.add(3, "", "c");
  auto first = log->append(batch, patience);
  ASSERT_TRUE(first);
  EXPECT_TRUE(batch.empty());
  ASSERT_EQ(first->firsts.size(), 2u);
  EXPECT_EQ(first->firsts[0].shard, 1u);
  EXPECT_EQ(first->firsts[1].shard, 3u);
  EXPECT_EQ(first->firsts[1].count, 2u);
  batch.add(3, "", "d");
  auto second = log->append(batch, patience);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->firsts[0].offset, 2u);
  EXPECT_EQ(second->ticket, first->ticket + 1);
  ASSERT_TRUE(log->wait_durable(second->ticket, patience));
  EXPECT_EQ(log->durable(), second->ticket);
  EXPECT_THAT(payloads(3), ElementsAre("a", "c", "d"));
}

TEST_F(StreamLogTest, AReadStopsAtItsLimitsButGivesAtLeastOneRecord) {
  open();
  Batch batch;
  for (int i = 0; i < 10; ++i) batch.add(0, "", std::string(100, static_cast<char>('a' + i)));
  append(batch);
  EXPECT_EQ(log->read(0, 2, 3, 100000)->records.size(), 3u);
  EXPECT_EQ(log->read(0, 2, 100, 250)->records.size(), 2u);
  EXPECT_EQ(log->read(0, 2, 100, 1)->records.size(), 1u);
  EXPECT_EQ(log->read(0, 2, 0, 0)->next, 3u);
}

TEST_F(StreamLogTest, AReadGoesOnOverManyBlocks) {
  open();
  for (int i = 0; i < 200; ++i) append(0, std::to_string(i));
  auto read = log->read(0, 0, 1000, 1u << 20);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->records.size(), 200u);
  EXPECT_EQ(read->records[150].payload, "150");
}

TEST_F(StreamLogTest, ViewsLiveAsLongAsTheRecordsTheyCameIn) {
  open();
  append(0, std::string(100000, 'x'));
  auto read = log->read(0, 0, 1, 1);
  ASSERT_TRUE(read);
  log.reset();
  EXPECT_EQ(read->records[0].payload, std::string(100000, 'x'));
}

TEST_F(StreamLogTest, EverythingIsThereAfterOpeningAgain) {
  open();
  append(0, "first");
  append(5, "second");
  StreamLog::Ticket last = log->durable();
  open();
  EXPECT_THAT(payloads(0), ElementsAre("first"));
  EXPECT_THAT(payloads(5), ElementsAre("second"));
  EXPECT_EQ(log->durable(), last);
  EXPECT_TRUE(log->damage().empty());
  EXPECT_TRUE(log->recovery_notes().empty());
  EXPECT_EQ(append(0, "third"), last + 1);
  EXPECT_THAT(payloads(0), ElementsAre("first", "third"));
}

TEST_F(StreamLogTest, MarksAreTheNewestOfEachKeyAndSurvive) {
  open();
  Batch batch;
  batch.set_mark("task a", "1");
  append(batch);
  batch.set_mark("task a", "2");
  batch.set_mark("task b", "x");
  batch.add(0, "", "with it");
  append(batch);
  EXPECT_EQ(log->mark("task a"), "2");
  EXPECT_EQ(log->mark("task c"), std::nullopt);
  open();
  EXPECT_EQ(log->marks(), (Marks{{"task a", "2"}, {"task b", "x"}}));
}

TEST_F(StreamLogTest, MarksSurviveRotationAndRetirement) {
  options.segment_bytes_max = 1;
  open();
  Batch batch;
  batch.set_mark("task", "here");
  append(batch);
  for (int i = 0; i < 5; ++i) append(0, "x");
  EXPECT_EQ(*log->retire(INT64_MAX, 0), 5u);
  open();
  EXPECT_EQ(log->mark("task"), "here");
  EXPECT_EQ(log->end_offset(0), 5u);
}

TEST_F(StreamLogTest, HugeAndEmptyRecordsComeBackWhole) {
  open();
  std::string huge(20u << 20, 'h');
  append(0, "");
  append(0, huge);
  Batch batch;
  batch.add(0, std::string(65535, 'k'), "");
  append(batch);
  kill_and_open();
  EXPECT_EQ(log->read(0, 0, 1, 1)->records[0].payload, "");
  EXPECT_EQ(log->read(0, 1, 1, 1)->records[0].payload, huge);
  EXPECT_EQ(log->read(0, 2, 1, 1)->records[0].partition_key, std::string(65535, 'k'));
}

TEST_F(StreamLogTest, TenThousandShardsInOneGroupSurviveRotation) {
  options.segment_bytes_max = 1;
  open();
  for (int round = 0; round < 3; ++round) {
    Batch batch;
    for (ShardNumber shard = 0; shard < 10000; ++shard)
      batch.add(shard, "k", std::to_string(shard));
    append(batch);
  }
  open();
  for (ShardNumber shard : {0u, 1u, 4711u, 9999u})
    EXPECT_THAT(payloads(shard),
                ElementsAre(std::to_string(shard), std::to_string(shard), std::to_string(shard)));
  EXPECT_TRUE(verify(*disk)->damage.empty());
}

TEST_F(StreamLogTest, SealedSegmentsAreReadThroughTheirFooters) {
  options.segment_bytes_max = 2000;
  open();
  std::vector<std::string> written;
  for (int i = 0; i < 100; ++i) {
    written.push_back(std::to_string(i) + std::string(100, '.'));
    append(static_cast<ShardNumber>(i % 2), written.back());
  }
  EXPECT_GT(log->statistics().segments, 5u);
  kill_and_open();
  auto even = content_of(*log, 0, 3).payloads;
  auto odd = content_of(*log, 1, 3).payloads;
  ASSERT_EQ(even.size(), 50u);
  for (Offset i = 0; i < 50; ++i) {
    EXPECT_EQ(even[i], written[2 * i]);
    EXPECT_EQ(odd[i], written[2 * i + 1]);
  }
  EXPECT_EQ(log->statistics().records, 100u);
  auto verified = verify(*disk);
  ASSERT_TRUE(verified);
  EXPECT_TRUE(verified->damage.empty());
  EXPECT_EQ(verified->records, 100u);
}

TEST_F(StreamLogTest, AnOffsetIsFoundByTimeInSealedAndOpenSegments) {
  options.segment_bytes_max = 400;
  open();
  for (int i = 0; i < 20; ++i) append(0, std::string(100, 'x'), 1000 + 10 * i);
  ASSERT_GT(log->statistics().segments, 2u);
  EXPECT_EQ(*log->offset_at(0, 0), 0u);
  EXPECT_EQ(*log->offset_at(0, 1000), 0u);
  EXPECT_EQ(*log->offset_at(0, 1001), 1u);
  EXPECT_EQ(*log->offset_at(0, 1100), 10u);
  EXPECT_EQ(*log->offset_at(0, 1190), 19u);
  EXPECT_EQ(*log->offset_at(0, 1191), 20u);
  EXPECT_EQ(*log->offset_at(7, 0), 0u);
}

TEST_F(StreamLogTest, RetirementByAgeTakesWholeSegmentsAndSaysWhatIsTrimmed) {
  options.segment_bytes_max = 400;
  open();
  append(9, "early", 1000);
  for (int i = 0; i < 20; ++i) append(0, std::string(100, 'x'), 1000 + 10 * i);
  std::size_t before = log->statistics().segments;
  auto retired = log->retire(1100, 0);
  ASSERT_TRUE(retired);
  EXPECT_GT(*retired, 0u);
  EXPECT_EQ(log->statistics().segments, before - *retired);
  EXPECT_EQ(names().size(), before - *retired);
  Offset first = log->first_offset(0);
  EXPECT_GT(first, 0u);
  EXPECT_LE(first, 10u);
  auto trimmed = log->read(0, first - 1, 1, 1);
  ASSERT_FALSE(trimmed);
  EXPECT_EQ(trimmed.error().fault, Fault::not_found);
  EXPECT_THAT(trimmed.error().message, HasSubstr("the oldest is " + std::to_string(first)));
  // A shard that has nothing left still goes on where it was.
  EXPECT_EQ(log->first_offset(9), 1u);
  open();
  EXPECT_EQ(log->first_offset(0), first);
  EXPECT_EQ(log->first_offset(9), 1u);
  EXPECT_EQ(log->end_offset(9), 1u);
  append(9, "again");
  EXPECT_EQ(log->read(9, 1, 1, 1)->records[0].payload, "again");
}

TEST_F(StreamLogTest, RetirementByBytesKeepsTheNewest) {
  options.segment_bytes_max = 1000;
  open();
  for (int i = 0; i < 50; ++i) append(0, std::string(100, 'x'));
  ASSERT_TRUE(log->retire(0, 3000));
  EXPECT_LE(log->statistics().bytes, 3000u);
  EXPECT_GE(log->statistics().segments, 2u);
  ASSERT_TRUE(log->retire(0, 1));
  EXPECT_EQ(log->statistics().segments, 1u);
}

TEST_F(StreamLogTest, WhatNobodyAddsToAnyMoreIsRetiredTooAndItsOffsetsAreNotGivenAgain) {
  open();
  Batch batch = batch_at(1000);
  batch.add(0, "key", "x");
  batch.set_mark("task", "here");
  append(batch);
  EXPECT_EQ(*log->retire(1000, 0), 0u);
  EXPECT_EQ(*log->retire(1001, 0), 0u);  // asks the writer to begin the next segment
  while (*log->retire(1001, 0) == 0) std::this_thread::yield();
  EXPECT_EQ(log->first_offset(0), 1u);
  EXPECT_EQ(names().size(), 1u);
  EXPECT_EQ(*log->retire(1001, 0), 0u) << "an empty segment stays";
  kill_and_open();
  EXPECT_EQ(log->first_offset(0), 1u);
  EXPECT_EQ(log->end_offset(0), 1u);
  EXPECT_EQ(log->mark("task"), "here");
  append(0, "y", 2000);
  EXPECT_EQ(payloads(0), std::vector<std::string>{"y"});
  open();
  EXPECT_EQ(payloads(0), std::vector<std::string>{"y"});
}

TEST_F(StreamLogTest, AnAbandonedLogGivesUpWhatIsNotWrittenAndRefusesEverything) {
  open();
  append(0, "x");
  std::latch go_on(1);
  std::atomic<bool> syncing{false};
  disk->on_sync([&] {
    syncing = true;
    go_on.wait();
  });
  Batch batch = batch_at(1000);
  batch.add(0, "key", "being written");
  ASSERT_TRUE(log->append(batch, patience));
  while (!syncing) std::this_thread::yield();
  batch.add(0, "key", "not yet");
  auto queued = log->append(batch, patience);
  ASSERT_TRUE(queued);
  EXPECT_EQ(log->appended(), queued->ticket);
  std::thread unblock([&] {
    while (!log->fenced()) std::this_thread::yield();
    go_on.count_down();
  });

  log->abandon(Error{Fault::not_found, "deleted"});

  unblock.join();
  EXPECT_EQ(log->wait_durable(queued->ticket, patience).error().message, "deleted");
  batch.add(0, "key", "late");
  EXPECT_EQ(log->append(batch, patience).error().fault, Fault::not_found);
  EXPECT_LE(log->end_offset(0), 2u);
  disk->on_sync(nullptr);
}

TEST_F(StreamLogTest, AnAbandonedLogLeavesItsFilesToWhoAbandonedIt) {
  options.segment_bytes_max = 1;
  open();
  for (int i = 0; i < 3; ++i) append(0, "x");
  auto before = names();
  log->abandon(Error{Fault::not_found, "deleted"});
  EXPECT_EQ(*log->retire(INT64_MAX, 1), 0u);
  EXPECT_EQ(names(), before);
}

TEST_F(StreamLogTest, SubscribersAreWokenUntilTheyUnsubscribe) {
  open();
  std::atomic<int> woken{0};
  auto subscription = log->subscribe([&] { ++woken; });
  append(0, "x");
  append(0, "y");  // by then the wake-up of the group before is over
  log->unsubscribe(subscription);
  int after = woken;
  EXPECT_GE(after, 1);
  append(0, "z");
  EXPECT_EQ(woken, after);
}

TEST_F(StreamLogTest, AnotherStreamsLogIsRefused) {
  open();
  append(0, "x");
  options.incarnation = 8;
  auto opened = try_open(*disk);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault, Fault::conflict);
  EXPECT_THAT(opened.error().message, HasSubstr("another stream"));
}

TEST_F(StreamLogTest, ANewerFormatIsRefusedWithTheWayOut) {
  open();
  append(0, "x");
  log.reset();
  std::string bytes = disk->content(only_segment());
  std::uint32_t newer = format_version + 1;
  bytes.replace(20, 4, reinterpret_cast<const char*>(&newer), 4);
  auto length = segment_header_length(std::string_view(bytes).substr(0, segment_prefix_bytes));
  std::uint32_t crc = crc32c(std::string_view(bytes).substr(12, *length - 12));
  bytes.replace(8, 4, reinterpret_cast<const char*>(&crc), 4);
  disk->set_content(only_segment(), bytes);
  auto opened = try_open(*disk);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault, Fault::conflict);
  EXPECT_THAT(opened.error().message, HasSubstr("newer"));
}

TEST_F(StreamLogTest, AnEmptyBatchHasTheTicketOfTheNewestOne) {
  open();
  StreamLog::Ticket last = append(0, "x");
  Batch batch;
  EXPECT_EQ(log->append(batch, patience)->ticket, last);
}

}  // namespace
}  // namespace tailrace::log
