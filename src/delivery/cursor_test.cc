#include "delivery/cursor.h"

#include "delivery/delivery_fixture.h"
#include "log/testing/memory_log.h"

namespace tailrace::delivery {
namespace {

using testing::HasSubstr;

// One cursor over a log whose reads the test lets fail.
class CursorTest : public testing::Test {
 protected:
  CursorTest() : folder_(make_temporary_folder()) {
    spdlog::set_level(spdlog::level::off);
    auto log = std::make_unique<log::testing::MemoryLog>();
    log_ = log.get();
    stream_ = std::make_shared<stream::Stream>(stream_spec("orders", 1), std::move(log), clock_);
    ledger_ = Ledger::open(folder_ + "/delivery.sqlite", [this] {
                std::lock_guard lock(mutex_);
                changed_.notify_all();
              }).value();
    EXPECT_TRUE(ledger_->pin(spec_.id, 7, {{0, 0}}));
    workplace_.reset(new Workplace{pool_.io,
                                   functions_,
                                   *ledger_,
                                   clock_,
                                   {std::chrono::milliseconds(1), std::chrono::milliseconds(2)},
                                   {"eu-west-1", "000000000000"},
                                   std::make_shared<Gate>()});
  }
  ~CursorTest() override {
    workplace_->gate->close();
    if (cursor_) cursor_->stop();
    ledger_.reset();
    std::filesystem::remove_all(folder_);
  }

  void start() {
    cursor_ = Cursor::start(*workplace_, stream_, *stream_->shard(0), spec_, 0, counters_,
                            [this](const Cursor&) {
                              std::lock_guard lock(mutex_);
                              ++ended_;
                              changed_.notify_all();
                            });
  }
  void add(int from, int to) {
    for (int i = from; i < to; ++i) log_->add(0, 1700000000000, std::to_string(i));
  }
  [[nodiscard]] bool wait_committed(Offset next) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return cursor_->committed() >= next; });
  }
  [[nodiscard]] bool wait_ended() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return ended_ > 0; });
  }
  // A cursor that breaks wakes nobody: ask until it has.
  [[nodiscard]] bool wait_broken() {
    auto deadline = std::chrono::steady_clock::now() + patience;
    while (!cursor_->broken() && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    return cursor_->broken().has_value();
  }

  std::string folder_;
  TestClock clock_;
  TriggerSpec spec_ = trigger_spec("orders", "f");
  std::mutex mutex_;
  std::condition_variable changed_;
  log::testing::MemoryLog* log_ = nullptr;
  std::shared_ptr<stream::Stream> stream_;
  FakeFunctions functions_{[](const Seen&) { return done(); }};
  Pool pool_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<Workplace> workplace_;
  std::shared_ptr<Counters> counters_ = std::make_shared<Counters>();
  std::shared_ptr<Cursor> cursor_;
  int ended_ = 0;
};

TEST_F(CursorTest, StopsBeforeDamageAndSkipsNothing) {
  add(0, 5);
  log_->damage(0, 2, 3);
  start();

  ASSERT_TRUE(wait_committed(2));
  ASSERT_TRUE(wait_broken());
  add(5, 8);

  EXPECT_THAT(*cursor_->broken(), HasSubstr("from offset 2 on it is damaged"));
  auto status = cursor_->status();
  EXPECT_EQ(status.next, 2u);
  EXPECT_EQ(status.end, 8u);
  EXPECT_THAT(status.last_error, HasSubstr("damaged"));
  EXPECT_EQ(functions_.records(0), (std::vector<std::string>{"0", "1"}));
}

TEST_F(CursorTest, TriesDamageAgainWhenTheTriggerIsPutAgain) {
  add(0, 3);
  log_->damage_from(0, 1);
  start();
  ASSERT_TRUE(wait_broken());

  log_->mend(0);
  cursor_->change(spec_);

  ASSERT_TRUE(wait_committed(3));
  EXPECT_FALSE(cursor_->broken());
  EXPECT_EQ(cursor_->status().last_error, "");
  EXPECT_EQ(functions_.records(0), (std::vector<std::string>{"0", "1", "2"}));
}

TEST_F(CursorTest, GoesOnAtTheOldestRecordAfterRetention) {
  add(0, 6);
  log_->retire_before(0, 4);
  start();

  ASSERT_TRUE(wait_committed(6));

  EXPECT_EQ(functions_.records(0), (std::vector<std::string>{"4", "5"}));
  EXPECT_EQ(counters_->retired, 4u);
}

TEST_F(CursorTest, PassesRecordsThatAreAllRetired) {
  add(0, 6);
  log_->retire_before(0, 6);
  start();

  ASSERT_TRUE(wait_committed(6));

  EXPECT_EQ(counters_->retired, 6u);
  EXPECT_EQ(functions_.count(), 0u);
}

TEST_F(CursorTest, EndsWhenItsShardIsClosedAndAllOfItIsHandled) {
  add(0, 3);
  start();
  ASSERT_TRUE(wait_committed(3));

  split(*stream_, 0);

  ASSERT_TRUE(wait_ended());
  EXPECT_EQ(cursor_->committed(), 3u);
  EXPECT_EQ(functions_.records(0), (std::vector<std::string>{"0", "1", "2"}));
}

TEST_F(CursorTest, DoesNotEndBeforeTheLastBatchOfAClosedShardIsHandled) {
  functions_.answer_with([](const Seen&) { return std::nullopt; });
  spec_.batch_window = std::chrono::seconds(300);
  add(0, 3);
  split(*stream_, 0);
  start();

  // Nothing more will come: the window is not waited for.
  auto call = functions_.call(0);
  EXPECT_EQ(ended_, 0);
  call.done(done());

  ASSERT_TRUE(wait_ended());
  EXPECT_EQ(ledger_->checkpoints(spec_.id, 7).value(), (Ledger::Offsets{{0, 3}}));
}

TEST_F(CursorTest, EndsWithAShardThatExpiresBeforeItsTurn) {
  functions_.answer_with([](const Seen&) { return try_later(); });
  spec_.batch_size = 4096;  // as many as one read brings
  add(0, 5000);
  split(*stream_, 0);
  start();
  functions_.call(0);

  clock_.forward(std::chrono::hours(25));
  functions_.answer_with([](const Seen&) { return done(); });

  ASSERT_TRUE(wait_ended());
  EXPECT_EQ(counters_->records, 4096u) << "the batch under way is not taken back";
  EXPECT_EQ(counters_->retired, 904u);
  EXPECT_EQ(cursor_->committed(), 5000u);
}

TEST_F(CursorTest, ReadsAgainAfterAReadThatFailed) {
  add(0, 3);
  log_->fail_reads(4);
  start();

  ASSERT_TRUE(wait_committed(3));

  EXPECT_FALSE(cursor_->broken());
  EXPECT_EQ(cursor_->status().last_error, "");
  EXPECT_EQ(functions_.records(0), (std::vector<std::string>{"0", "1", "2"}));
}

TEST_F(CursorTest, TellsTheAgeOfTheOldestRecordThatWaits) {
  functions_.answer_with([](const Seen&) { return std::nullopt; });
  add(0, 1);
  start();
  auto call = functions_.call(0);

  auto age = std::chrono::floor<std::chrono::milliseconds>(clock_.now()).time_since_epoch() -
             std::chrono::milliseconds(1700000000000);
  EXPECT_NEAR(static_cast<double>(cursor_->status().lag_ms), static_cast<double>(age.count()),
              20000.0);
  call.done(done());
  ASSERT_TRUE(wait_committed(1));
  EXPECT_EQ(cursor_->status().lag_ms, 0);
}

TEST_F(CursorTest, NothingIsInvokedOnceItIsStopped) {
  start();
  cursor_->stop();
  add(0, 3);
  cursor_->change(spec_);
  EXPECT_EQ(functions_.count(), 0u);
  EXPECT_EQ(cursor_->status().next, 0u);
}

}  // namespace
}  // namespace tailrace::delivery
