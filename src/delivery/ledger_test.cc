#include "delivery/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>

#include "base/file.h"
#include "delivery/delivery_fixture.h"

namespace tailrace::delivery {
namespace {

using testing::HasSubstr;
using testing::SizeIs;
using Offsets = Ledger::Offsets;

class LedgerTest : public testing::Test {
 protected:
  LedgerTest() : folder_(make_temporary_folder()) { open(); }
  ~LedgerTest() override {
    ledger_.reset();
    std::filesystem::remove_all(folder_);
  }

  void open() {
    ledger_.reset();
    ledger_ = Ledger::open(folder_ + "/delivery.sqlite", [] {}).value();
  }
  void advance(const std::string& trigger, ShardNumber shard, Offset next) {
    std::promise<void> done;
    ledger_->advance(trigger, shard, next, [&] { done.set_value(); });
    done.get_future().wait();
  }
  void park(const std::string& trigger, Offset first, Offset next) {
    Parked batch;
    batch.trigger = "name of " + trigger;
    batch.first = first;
    batch.last = next - 1;
    batch.event = "{}";
    std::promise<void> done;
    ledger_->park(batch, trigger, next, [&] { done.set_value(); });
    done.get_future().wait();
  }

  std::string folder_;
  std::unique_ptr<Ledger> ledger_;
};

TEST_F(LedgerTest, KeepsCheckpointsOverAReopen) {
  ASSERT_TRUE(ledger_->pin("t", 7, {{0, 5}, {1, 0}}));
  advance("t", 1, 9);
  open();
  EXPECT_EQ(ledger_->checkpoints("t", 7).value(), (Offsets{{0, 5}, {1, 9}}));
  EXPECT_EQ(ledger_->checkpoints("other", 7).value(), Offsets{});
}

TEST_F(LedgerTest, WritesWhatWasReportedBeforeItEnds) {
  ASSERT_TRUE(ledger_->pin("t", 7, {{0, 0}}));
  for (Offset next = 1; next <= 1000; ++next) ledger_->advance("t", 0, next, [] {});
  open();
  EXPECT_EQ(ledger_->checkpoints("t", 7).value(), (Offsets{{0, 1000}}));
}

TEST_F(LedgerTest, ForgetsTheCheckpointsOfAnotherIncarnation) {
  ASSERT_TRUE(ledger_->pin("t", 7, {{0, 5}, {1, 6}}));
  EXPECT_EQ(ledger_->checkpoints("t", 8).value(), Offsets{});
  ASSERT_TRUE(ledger_->pin("t", 8, {{0, 1}}));
  EXPECT_EQ(ledger_->checkpoints("t", 8).value(), (Offsets{{0, 1}}));
  EXPECT_EQ(ledger_->checkpoints("t", 7).value(), Offsets{});
}

TEST_F(LedgerTest, AReportAfterForgettingChangesNothing) {
  ASSERT_TRUE(ledger_->pin("t", 7, {{0, 5}}));
  ledger_->begin("t", 7, 1, 0);
  ASSERT_TRUE(ledger_->forget("t"));
  advance("t", 0, 9);
  EXPECT_EQ(ledger_->checkpoints("t", 7).value(), Offsets{});
}

TEST_F(LedgerTest, AShardThatAppearedBeginsWhereItIsReportedTo) {
  ASSERT_TRUE(ledger_->pin("t", 7, {{0, 5}}));
  ledger_->begin("t", 7, 1, 0);
  advance("t", 1, 3);
  ledger_->begin("t", 7, 1, 0);
  ledger_->begin("t", 7, 2, 0);
  open();
  EXPECT_EQ(ledger_->checkpoints("t", 7).value(), (Offsets{{0, 5}, {1, 3}, {2, 0}}));
}

TEST_F(LedgerTest, ForgetsTheShardsThatAreGone) {
  ASSERT_TRUE(ledger_->pin("t", 7, {{0, 5}, {1, 6}}));
  ASSERT_TRUE(ledger_->pin("u", 7, {{0, 4}}));
  ASSERT_TRUE(ledger_->pin("t", 7, {{2, 0}}, {0}));
  EXPECT_EQ(ledger_->checkpoints("t", 7).value(), (Offsets{{1, 6}, {2, 0}}));
  EXPECT_EQ(ledger_->checkpoints("u", 7).value(), (Offsets{{0, 4}}));
}

TEST_F(LedgerTest, ParksAndMovesTheCheckpointTogether) {
  ASSERT_TRUE(ledger_->pin("t", 7, {{0, 0}}));
  advance("t", 0, 2);
  park("t", 2, 5);
  open();
  EXPECT_EQ(ledger_->checkpoints("t", 7).value(), (Offsets{{0, 5}}));
  auto parked = ledger_->parked().value();
  ASSERT_THAT(parked, SizeIs(1));
  EXPECT_EQ(parked[0].first, 2u);
  EXPECT_EQ(parked[0].event, "");
  EXPECT_EQ(ledger_->parked(parked[0].id)->event, "{}");
}

TEST_F(LedgerTest, CountsTheParkedBatchesOfEachTrigger) {
  park("t", 0, 1);
  park("t", 1, 2);
  park("u", 0, 1);
  std::map<std::string, std::uint64_t> expected{{"name of t", 2}, {"name of u", 1}};
  EXPECT_EQ(ledger_->parked_counts(), expected);
  open();
  EXPECT_EQ(ledger_->parked_counts(), expected);
  ASSERT_TRUE(ledger_->discard(3));
  expected.erase("name of u");
  EXPECT_EQ(ledger_->parked_counts(), expected);
}

TEST_F(LedgerTest, NeverGivesAnIdASecondTime) {
  park("t", 0, 1);
  ASSERT_TRUE(ledger_->discard(1));
  park("t", 1, 2);
  EXPECT_EQ(ledger_->parked().value().at(0).id, 2u);
}

TEST_F(LedgerTest, NotesThatABatchFailedAgain) {
  park("t", 0, 1);
  ASSERT_TRUE(ledger_->failed_again(1, "again"));
  EXPECT_EQ(ledger_->parked(1)->attempts, 1u);
  EXPECT_EQ(ledger_->parked(1)->error, "again");
  EXPECT_EQ(ledger_->failed_again(2, "again").error().fault, Fault::not_found);
}

TEST_F(LedgerTest, TriesAWriteThatFailedUntilItSucceeds) {
  ASSERT_TRUE(ledger_->pin("t", 7, {{0, 0}}));
  auto other =
      Sqlite::open(folder_ + "/delivery.sqlite", Sqlite::Synchronous::normal, Sqlite::Check::header)
          .value();
  ASSERT_TRUE(other->execute("ALTER TABLE checkpoints RENAME TO away"));
  std::promise<void> done;
  ledger_->advance("t", 0, 4, [] { ADD_FAILURE() << "a newer report takes its place"; });
  while (!ledger_->failure()) std::this_thread::yield();
  EXPECT_THAT(ledger_->failure()->message, HasSubstr("checkpoints"));
  ledger_->advance("t", 0, 6, [&] { done.set_value(); });

  ASSERT_TRUE(other->execute("ALTER TABLE away RENAME TO checkpoints"));

  done.get_future().wait();
  EXPECT_EQ(ledger_->checkpoints("t", 7).value(), (Offsets{{0, 6}}));
}

TEST_F(LedgerTest, LeavesADamagedFileAlone) {
  ledger_.reset();
  std::filesystem::remove(folder_ + "/delivery.sqlite-wal");
  std::string bytes(5000, 'x');
  ASSERT_TRUE(replace_file(folder_ + "/delivery.sqlite", bytes));
  auto opened = Ledger::open(folder_ + "/delivery.sqlite", [] {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault, Fault::corrupt);
  EXPECT_EQ(read_file(folder_ + "/delivery.sqlite").value(), bytes);
}

}  // namespace
}  // namespace tailrace::delivery
