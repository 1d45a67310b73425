// A disk that fails: what the log refuses, what it keeps, and how it goes on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "log/testing/log_fixture.h"

namespace tailrace::log {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using std::chrono_literals::operator""ms;
using testing::content_of;
using testing::patience;

class FaultTest : public testing::LogFixture {
 protected:
  Result<StreamLog::Appended> try_append(const std::string& payload) {
    Batch batch = batch_at(1000);
    batch.add(0, "key", payload);
    return log->append(batch, patience);
  }

  void expect_fenced() {
    auto refused = try_append("refused");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().fault, Fault::fenced);
    EXPECT_THAT(refused.error().message, HasSubstr("open the stream again"));
    EXPECT_TRUE(log->fenced());
  }
};

TEST_F(FaultTest, AFailedSyncFencesForGoodAndIsNeverRepeated) {
  open();
  append(0, "acknowledged");
  disk->fail_sync(0);
  auto appended = try_append("in doubt");
  ASSERT_TRUE(appended);
  auto waited = log->wait_durable(appended->ticket, patience);
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().fault, Fault::fenced);
  EXPECT_THAT(waited.error().message, HasSubstr("fdatasync"));
  expect_fenced();
  EXPECT_TRUE(log->wait_durable(1, 0ms)) << "what was acknowledged stays so";
  EXPECT_THAT(payloads(0), ElementsAre("acknowledged"));

  std::uint64_t syncs = disk->file_syncs();
  log.reset();
  EXPECT_EQ(disk->file_syncs(), syncs);
}

TEST_F(FaultTest, AfterAFailedSyncReopeningMakesWhatItServesTrulyDurable) {
  open();
  append(0, "acknowledged");
  disk->fail_sync(0);
  auto appended = try_append("in doubt");
  ASSERT_FALSE(log->wait_durable(appended->ticket, patience));
  // The same machine goes on: the failed pages are still shown, though the disk has none of them.
  open();
  append(0, "later");
  EXPECT_THAT(payloads(0), ElementsAre("acknowledged", "in doubt", "later"));
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    auto after = disk->after_power_cut(seed);
    auto reopened = StreamLog::open(*after, options, clock);
    ASSERT_TRUE(reopened);
    EXPECT_EQ(content_of(**reopened, 0).payloads.size(), 3u);
    EXPECT_TRUE((*reopened)->damage().empty());
  }
}

TEST_F(FaultTest, AFailedSyncThenAPowerCutKeepsEverythingAcknowledged) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    log.reset();
    disk = std::make_unique<MemoryDirectory>();
    open();
    append(0, "acknowledged");
    disk->fail_sync(0);
    auto appended = try_append("in doubt");
    ASSERT_FALSE(log->wait_durable(appended->ticket, patience));
    auto after = disk->after_power_cut(seed);
    log.reset();
    disk = std::move(after);
    open();
    EXPECT_THAT(payloads(0), ElementsAre("acknowledged"));
    EXPECT_EQ(append(0, "next"), 2u);
  }
}

TEST_F(FaultTest, AFailedWriteFencesAndItsHalfIsCutOffOnOpen) {
  open();
  append(0, "acknowledged");
  disk->fail_write(0);
  auto appended = try_append("half " + std::string(1000, '.'));
  ASSERT_FALSE(log->wait_durable(appended->ticket, patience));
  expect_fenced();
  open();
  EXPECT_THAT(payloads(0), ElementsAre("acknowledged"));
  EXPECT_EQ(log->recovery_notes().size(), 1u);
  append(0, "next");
  EXPECT_THAT(payloads(0), ElementsAre("acknowledged", "next"));
}

TEST_F(FaultTest, SubscribersHearThatTheLogIsFenced) {
  open();
  std::atomic<int> woken{0};
  log->subscribe([&] { ++woken; });
  disk->fail_sync(0);
  auto appended = try_append("y");
  ASSERT_FALSE(log->wait_durable(appended->ticket, patience));
  log.reset();  // joins the thread that wakes
  EXPECT_GE(woken, 1);
}

TEST_F(FaultTest, AFailureAtAnyWriteOrSyncOfARotationLosesNothingAcknowledged) {
  options.segment_bytes_max = 300;
  for (bool at_sync : {false, true}) {
    for (std::uint64_t fault = 0; fault < 24; ++fault) {
      SCOPED_TRACE(std::to_string(fault) + (at_sync ? " sync" : " write"));
      log.reset();
      disk = std::make_unique<MemoryDirectory>();
      open();
      at_sync ? disk->fail_sync(fault) : disk->fail_write(fault);
      std::size_t acknowledged = 0;
      for (int i = 0; i < 10; ++i) {
        auto appended = try_append(std::to_string(i));
        if (!appended) break;
        if (log->wait_durable(appended->ticket, patience)) ++acknowledged;
      }
      for (std::uint64_t seed = 0; seed < 3; ++seed) {
        auto after = disk->after_power_cut(seed);
        auto reopened = StreamLog::open(*after, options, clock);
        ASSERT_TRUE(reopened) << reopened.error().message;
        auto content = content_of(**reopened, 0);
        ASSERT_GE(content.payloads.size(), acknowledged);
        ASSERT_EQ(content.failures, 0u);
        for (auto& [offset, payload] : content.payloads) ASSERT_EQ(payload, std::to_string(offset));
        ASSERT_TRUE((*reopened)->damage().empty());
      }
    }
  }
}

TEST_F(FaultTest, AFullDiskRefusesKeepsWhatIsQueuedAndGoesOnWhenThereIsRoom) {
  options.segment_bytes_max = 1000;
  open();
  append(0, "before");
  disk->set_room(3000);
  std::vector<StreamLog::Ticket> taken;
  std::optional<Error> refused;
  // Accepted batches queue up until the writer has met the full disk; then append says so.
  while (!refused) {
    auto appended = try_append(std::string(500, 'x'));
    if (appended) {
      taken.push_back(appended->ticket);
      (void)log->wait_durable(appended->ticket, 20ms);
    } else {
      refused = appended.error();
    }
  }
  EXPECT_EQ(refused->fault, Fault::full);
  EXPECT_FALSE(log->fenced());
  EXPECT_FALSE(log->wait_durable(taken.back(), 0ms));
  EXPECT_EQ(log->read(0, 0, 1, 1)->records[0].payload, "before") << "reading goes on";

  disk->set_room(1u << 20);
  ASSERT_TRUE(log->wait_durable(taken.back(), patience));
  append(0, "after");
  EXPECT_EQ(log->end_offset(0), taken.size() + 2);
  kill_and_open();
  EXPECT_EQ(payloads(0).size(), taken.size() + 2);
  EXPECT_EQ(payloads(0).back(), "after");
  EXPECT_TRUE(log->recovery_notes().empty());
}

TEST_F(FaultTest, RetirementMakesRoomOnAFullDisk) {
  options.segment_bytes_max = 1000;
  open();
  for (int i = 0; i < 4; ++i) append(0, std::string(700, 'x'));
  disk->set_room(4000);
  StreamLog::Ticket last = 0;
  for (;;) {
    auto appended = try_append(std::string(700, 'y'));
    if (!appended) break;
    last = appended->ticket;
    (void)log->wait_durable(last, 20ms);
  }
  ASSERT_FALSE(log->wait_durable(last, 0ms));
  ASSERT_GT(*log->retire(INT64_MAX, 0), 0u);
  EXPECT_TRUE(log->wait_durable(last, patience));
}

TEST_F(FaultTest, ClosingOnAFullDiskLosesOnlyWhatWasNeverAcknowledged) {
  open();
  append(0, "acknowledged");
  disk->set_room(0);
  auto appended = try_append(std::string(8u << 20, 'x'));
  ASSERT_TRUE(appended);
  EXPECT_FALSE(log->wait_durable(appended->ticket, 20ms));
  open();
  EXPECT_THAT(payloads(0), ElementsAre("acknowledged"));
}

}  // namespace
}  // namespace tailrace::log
