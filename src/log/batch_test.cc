#include "log/batch.h"

#include <gtest/gtest.h>

#include "log/format.h"

namespace tailrace::log {
namespace {

UnixMicros at_ms(std::int64_t ms) { return UnixMicros{std::chrono::milliseconds{ms}}; }

std::vector<Frame> frames_of(const Batch::Piece& piece) {
  auto frames = parse_frames(piece.frames.view(), piece.count);
  EXPECT_TRUE(frames.has_value());
  return frames.value_or(std::vector<Frame>{});
}

TEST(BatchTest, RecordsAreWrittenInTheFormThatReachesTheDisk) {
  Batch batch{at_ms(1700000000123)};
  batch.add(2, "key", "payload");
  Buffer& payload = batch.begin_record(2, "");
  payload.append("in ");
  payload.append("pieces");
  batch.end_record();

  ASSERT_EQ(batch.pieces().size(), 1u);
  auto frames = frames_of(batch.pieces().at(2));
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0].partition_key, "key");
  EXPECT_EQ(frames[0].payload, "payload");
  EXPECT_EQ(frames[0].arrival_ms, 1700000000123);
  EXPECT_EQ(frames[1].partition_key, "");
  EXPECT_EQ(frames[1].payload, "in pieces");
  EXPECT_EQ(batch.records(), 2u);
  EXPECT_EQ(batch.bytes(), batch.pieces().at(2).frames.size());
}

TEST(BatchTest, AnAbandonedRecordLeavesNothing) {
  Batch batch;
  batch.begin_record(1, "k").append("gone");
  batch.abandon_record();
  EXPECT_TRUE(batch.empty());
  EXPECT_TRUE(batch.pieces().empty());

  batch.add(1, "k", "kept");
  batch.begin_record(1, "k").append("gone");
  batch.abandon_record();
  EXPECT_EQ(frames_of(batch.pieces().at(1)).size(), 1u);
}

TEST(BatchTest, APieceKnowsTheSpanOfItsArrivals) {
  Batch batch{at_ms(50)};
  batch.add(0, "", "");
  batch.set_arrival(at_ms(20));
  batch.add(0, "", "");
  batch.set_arrival(at_ms(70));
  batch.add(0, "", "");
  EXPECT_EQ(batch.pieces().at(0).arrival_min_ms, 20);
  EXPECT_EQ(batch.pieces().at(0).arrival_max_ms, 70);
}

TEST(BatchTest, ATakenBatchIsEmptyAndCanBeFilledAgain) {
  Batch batch{at_ms(5)};
  batch.add(0, "a", "1");
  batch.set_mark("task", "here");
  Batch taken = batch.take();
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.bytes(), 0u);
  EXPECT_EQ(taken.records(), 1u);
  EXPECT_EQ(taken.marks().at("task"), "here");
  batch.add(0, "b", "2");
  EXPECT_EQ(batch.pieces().at(0).arrival_min_ms, 5);
  EXPECT_EQ(frames_of(taken.pieces().at(0))[0].partition_key, "a");
}

TEST(BatchTest, ABatchOfMarksAloneIsNotEmpty) {
  Batch batch;
  batch.set_mark("task", "here");
  EXPECT_FALSE(batch.empty());
}

}  // namespace
}  // namespace tailrace::log
