#include "capture/continuity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pg/testing/fake_connection.h"

namespace tailrace::capture {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A server that tells its timelines' history and whether it is a standby.
class FakeServer final : public pg::testing::FakeConnection {
 public:
  std::string history;
  bool standby = false;

  Result<pg::Rows> query(const std::string& sql, const std::vector<std::string>&) override {
    if (sql.starts_with("TIMELINE_HISTORY"))
      return pg::Rows{{"filename", "content"}, {{"00000002.history", history}}};
    return pg::Rows{{"standby"}, {{standby ? "t" : "f"}}};
  }
};

// A stream that ends at 0/200 of timeline 1, and a server that still has everything.
class ContinuityTest : public ::testing::Test {
 protected:
  ContinuityTest() {
    spec.name = "products";
    spec.slot = "s1";
    slot.emplace();
    slot->name = "s1";
    slot->plugin = "pgoutput";
    slot->database = "shop";
    slot->confirmed_flush = Lsn{0x180};
    slot->wal_status = "reserved";
  }

  Result<void> check() { return check_continuity(spec, slot, system, server, position); }

  void expect_gap(const ::testing::Matcher<const std::string&>& message) {
    auto checked = check();
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().fault, Fault::gap) << checked.error().message;
    EXPECT_THAT(checked.error().message,
                AllOf(message, HasSubstr("tailrace task reload products")));
  }

  void promote(const std::string& at) {
    system.timeline = 2;
    server.history = "1\t" + at + "\tno recovery target specified\n";
  }

  TaskSpec spec;
  FakeServer server;
  pg::System system{7, 1, Lsn{0x900}, "shop"};
  std::optional<pg::Slot> slot;
  Position position{{7, 1, Lsn{0x100}}, Lsn{0x200}, {}, 0};
};

TEST_F(ContinuityTest, ASlotBehindTheStreamGoesOn) {
  auto checked = check();
  EXPECT_TRUE(checked) << checked.error().message;
  EXPECT_EQ(position.generation.timeline, 1u);
}

TEST_F(ContinuityTest, ASlotAtTheStreamsEndGoesOnAndOneBehindItIsAGap) {
  slot->confirmed_flush = Lsn{0x200};
  EXPECT_TRUE(check());
  slot->confirmed_flush = Lsn{0x201};
  expect_gap(AllOf(HasSubstr("slot s1"), HasSubstr("0/201"), HasSubstr("0/200")));
}

TEST_F(ContinuityTest, ASlotThatIsGoneIsAGap) {
  slot.reset();
  expect_gap(AllOf(HasSubstr("slot s1 is gone"), HasSubstr("0/200")));
}

TEST_F(ContinuityTest, AnotherClusterIsAGap) {
  system.system_id = 8;
  expect_gap(HasSubstr("another database cluster"));
}

TEST_F(ContinuityTest, APromotionBehindTheStreamMovesTheTimelineOn) {
  promote("0/200");
  auto checked = check();
  EXPECT_TRUE(checked) << checked.error().message;
  EXPECT_EQ(position.generation, (Generation{7, 2, Lsn{0x100}}));
}

TEST_F(ContinuityTest, APromotionBeforeTheStreamsEndIsAGap) {
  promote("0/1FF");
  expect_gap(AllOf(HasSubstr("timeline 2 left timeline 1 at 0/1FF"), HasSubstr("0/200")));
  EXPECT_EQ(position.generation.timeline, 1u);
}

TEST_F(ContinuityTest, APromotionBeforeTheCommitOfWhatTheStreamHasInPartIsAGap) {
  position.commit = Lsn{0x300};
  position.ordinal = 5;
  promote("0/300");
  expect_gap(HasSubstr("0/300"));
  promote("0/301");
  EXPECT_TRUE(check());
}

TEST_F(ContinuityTest, SeveralPromotionsAreFollowed) {
  position.generation.timeline = 2;
  system.timeline = 4;
  server.history = "1\t0/150\tfirst\n2\t0/400\tsecond\n\n3\t0/500\tthird\n";
  EXPECT_TRUE(check());
  EXPECT_EQ(position.generation.timeline, 4u);
}

TEST_F(ContinuityTest, ATimelineThatComesFromElsewhereIsAGap) {
  position.generation.timeline = 3;
  promote("0/900");
  expect_gap(HasSubstr("timeline 2, which does not come from timeline 3"));
}

TEST_F(ContinuityTest, AServerWhoseLogEndsBeforeTheStreamIsAGapButAStandbyMayComeSoFar) {
  system.current = Lsn{0x1FF};
  expect_gap(HasSubstr("restored from an older copy"));
  server.standby = true;
  EXPECT_EQ(check().error().fault, Fault::unavailable);
}

TEST_F(ContinuityTest, APromotedServerWithoutTheSlotIsAGapThatTellsOfBoth) {
  promote("0/200");
  slot.reset();
  expect_gap(AllOf(HasSubstr("on timeline 2 instead of 1"), HasSubstr("slot s1 is not there"),
                   HasSubstr("sync_replication_slots")));
}

TEST_F(ContinuityTest, ASlotMadeAnewAfterAPromotionIsAGap) {
  promote("0/200");
  slot->confirmed_flush = Lsn{0x280};
  expect_gap(AllOf(HasSubstr("timeline 2"), HasSubstr("made anew"), HasSubstr("0/280")));
}

TEST_F(ContinuityTest, AStandbysCopyOfTheSlotWaitsForThePromotion) {
  server.standby = true;
  slot->synced = true;
  auto checked = check();
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().fault, Fault::unavailable);
  EXPECT_THAT(checked.error().message, HasSubstr("promoted"));
  server.standby = false;
  EXPECT_TRUE(check());
}

TEST_F(ContinuityTest, ASlotOfAStandbysOwnGoesOn) {
  server.standby = true;
  EXPECT_TRUE(check());
}

TEST_F(ContinuityTest, AnInvalidatedOrUnfinishedSlotIsAGap) {
  slot->wal_status = "lost";
  expect_gap(HasSubstr("max_slot_wal_keep_size"));
  slot->wal_status = "reserved";
  slot->invalidation_reason = "idle_timeout";
  expect_gap(HasSubstr("idle_timeout"));
  slot->invalidation_reason.clear();
  slot->confirmed_flush.reset();
  expect_gap(HasSubstr("not ready"));
}

TEST_F(ContinuityTest, ASlotOfAnotherDatabaseOrPluginIsNotTakenOver) {
  slot->database = "other";
  EXPECT_EQ(check().error().fault, Fault::conflict);
  slot->database = "shop";
  slot->plugin = "test_decoding";
  EXPECT_EQ(check().error().fault, Fault::conflict);
}

}  // namespace
}  // namespace tailrace::capture
