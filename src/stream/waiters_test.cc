#include "stream/waiters.h"

#include <array>
#include <condition_variable>
#include <deque>
#include <latch>
#include <map>
#include <mutex>
#include <thread>

#include "stream/stream_fixture.h"

namespace tailrace::stream {
namespace {

using ::testing::ElementsAre;

// What is waited for, moved by hand; jobs run when the test says so.
class WaitersTest : public ::testing::Test, public Waiters::Source {
 protected:
  void flush() override { ++flushes_; }
  log::StreamLog::Ticket durable() const override {
    auto durable = durable_;
    if (moves_on_) moves_on_();
    return durable;
  }
  std::optional<Error> fenced() const override { return fenced_; }
  Offset readable_before(ShardNumber shard) const override {
    auto end = ends_.find(shard);
    return end == ends_.end() ? 0 : end->second;
  }

  std::size_t run_jobs() {
    std::size_t count = 0;
    for (; !jobs_.empty(); ++count) {
      auto job = std::move(jobs_.front());
      jobs_.pop_front();
      job();
    }
    return count;
  }
  auto note(std::string what) {
    return [this, what] { called_.push_back(what); };
  }
  auto note_outcome(std::string what) {
    return [this, what](Result<void> outcome) {
      called_.push_back(what + (outcome ? "" : " failed: " + outcome.error().message));
    };
  }

  std::size_t flushes_ = 0;
  log::StreamLog::Ticket durable_ = 0;
  std::function<void()> moves_on_;  // between a look at durable() and the next look
  std::optional<Error> fenced_;
  std::map<ShardNumber, Offset> ends_;
  std::deque<std::function<void()>> jobs_;
  std::vector<std::string> called_;
  std::shared_ptr<Waiters> waiters_ = std::make_shared<Waiters>(
      *this, [this](std::function<void()> job) { jobs_.push_back(std::move(job)); });
};

TEST_F(WaitersTest, AllOfOneGroupAreCalledByOneJob) {
  for (int i = 1; i <= 32; ++i) waiters_->when_durable(static_cast<unsigned>(i), note_outcome("x"));
  waiters_->when_durable(33, note_outcome("next group"));
  durable_ = 32;
  waiters_->wake();
  waiters_->wake();
  EXPECT_EQ(run_jobs(), 1u);
  EXPECT_EQ(called_, std::vector<std::string>(32, "x"));
}

TEST_F(WaitersTest, PutsOfOneTurnAreFlushedOnce) {
  for (int i = 0; i < 3; ++i) waiters_->flush();
  EXPECT_EQ(flushes_, 0u);
  run_jobs();
  EXPECT_EQ(flushes_, 1u);
  waiters_->flush();
  run_jobs();
  EXPECT_EQ(flushes_, 2u);
}

TEST_F(WaitersTest, ManyCallsAreSpreadOverSeveralJobs) {
  for (int i = 0; i < 1000; ++i) waiters_->when_durable(1, note_outcome("x"));
  durable_ = 1;
  waiters_->wake();
  EXPECT_EQ(run_jobs(), 16u);
  EXPECT_EQ(called_.size(), 1000u);
}

TEST_F(WaitersTest, WhatBecameDurableJustBeforeTheFenceIsNotToldAsLost) {
  moves_on_ = [&] {
    durable_ = 5;
    fenced_ = Error{Fault::fenced, "the disk is gone"};
  };
  waiters_->when_durable(5, note_outcome("last group"));
  waiters_->wake();
  run_jobs();
  EXPECT_THAT(called_, ElementsAre("last group"));
}

TEST_F(WaitersTest, WhatIsDurableAlreadyIsToldByAJobToo) {
  durable_ = 5;
  waiters_->when_durable(5, note_outcome("at once"));
  EXPECT_TRUE(called_.empty());
  run_jobs();
  EXPECT_THAT(called_, ElementsAre("at once"));
}

TEST_F(WaitersTest, AFenceFailsWhatIsNotDurableAndWakesReadersOnce) {
  auto reader = waiters_->when_readable(0, 0, note("reader"));
  waiters_->when_durable(1, note_outcome("durable"));
  waiters_->when_durable(2, note_outcome("lost"));
  durable_ = 1;
  fenced_ = Error{Fault::fenced, "disk"};
  waiters_->wake();
  run_jobs();
  EXPECT_THAT(called_, ElementsAre("durable", "lost failed: disk", "reader"));
  called_.clear();

  waiters_->when_durable(3, note_outcome("late"));
  auto again = waiters_->when_readable(0, 0, note("reader again"));
  waiters_->wake();
  run_jobs();
  EXPECT_THAT(called_, ElementsAre("late failed: disk"));
}

TEST_F(WaitersTest, OnlyReadersWhoseShardHasMoreAreCalled) {
  auto a = waiters_->when_readable(0, 0, note("0 from 0"));
  auto b = waiters_->when_readable(0, 5, note("0 from 5"));
  auto c = waiters_->when_readable(1, 0, note("1 from 0"));
  ends_[0] = 5;
  waiters_->wake();
  run_jobs();
  EXPECT_THAT(called_, ElementsAre("0 from 0"));
  ends_[0] = 6;
  ends_[1] = 1;
  waiters_->wake();
  run_jobs();
  EXPECT_THAT(called_, ::testing::UnorderedElementsAre("0 from 0", "0 from 5", "1 from 0"));
  EXPECT_FALSE(a.cancel());
}

TEST_F(WaitersTest, ACancelledWaitIsNotCalled) {
  auto kept = waiters_->when_readable(0, 0, note("kept"));
  auto cancelled = waiters_->when_readable(0, 0, note("cancelled"));
  { auto forgotten = waiters_->when_readable(0, 0, note("forgotten")); }
  EXPECT_TRUE(cancelled.cancel());
  EXPECT_FALSE(cancelled.cancel());
  ends_[0] = 1;
  waiters_->wake();
  run_jobs();
  EXPECT_THAT(called_, ElementsAre("kept"));
}

TEST_F(WaitersTest, TheEndIsToldToAllAndToWhoComesLater) {
  auto reader = waiters_->when_readable(0, 0, note("reader"));
  waiters_->when_durable(1, note_outcome("writer"));
  waiters_->end(Error{Fault::not_found, "deleted"});
  run_jobs();
  EXPECT_THAT(called_, ElementsAre("writer failed: deleted", "reader"));
  called_.clear();
  auto late = waiters_->when_readable(0, 0, note("reader"));
  waiters_->when_durable(1, note_outcome("writer"));
  run_jobs();
  EXPECT_THAT(called_, ElementsAre("reader", "writer failed: deleted"));
}

TEST_F(WaitersTest, AfterADropNobodyIsCalledAndWhatTheyHoldIsLetGo) {
  auto held = std::make_shared<int>();
  waiters_->when_durable(1, [held](Result<void>) { FAIL(); });
  auto reader = waiters_->when_readable(0, 0, [held] { FAIL(); });
  waiters_->wake();
  waiters_->drop();
  EXPECT_EQ(held.use_count(), 1);
  waiters_->when_durable(0, [held](Result<void>) { FAIL(); });
  run_jobs();
}

// The same over a real log.

TEST_F(StreamTest, WhoWaitsIsToldOfRecordsOfTheEndAndOfTheDeletion) {
  auto stream = open(1);
  int called = 0;
  auto wait = [&](ShardNumber shard) {
    return stream->when_readable(shard, stream->latest(shard), [&] { ++called; });
  };
  std::latch durable(1);
  auto first = wait(0);
  auto batch = stream->begin_batch();
  batch.add("a", "x");
  auto put = stream->put(batch);
  stream->when_durable(put->ticket, [&](Result<void> outcome) {
    EXPECT_TRUE(outcome);
    durable.count_down();
  });
  durable.wait();
  stream->log().unsubscribe(0);  // waits until the log's thread is done calling
  EXPECT_EQ(called, 1);

  auto second = wait(0);
  EXPECT_EQ(called, 1);
  split(*stream, 0);
  EXPECT_EQ(called, 2);
  auto of_a_closed_shard = wait(0);
  EXPECT_EQ(called, 3) << "its end is there to be read";

  auto third = wait(1);
  ASSERT_TRUE(streams->remove(*stream->spec()));
  EXPECT_EQ(called, 4);
}

TEST_F(StreamTest, AStreamDoesNotLiveOnForThoseWhoWaitForIt) {
  std::weak_ptr<Stream> gone;
  {
    auto stream = open(1);
    gone = stream;
    stream->when_durable(1000, [stream](Result<void>) { FAIL(); });
  }
  ASSERT_FALSE(gone.expired());
  streams.reset();
  EXPECT_TRUE(gone.expired());
}

// Two threads that do what is posted.
class Pool {
 public:
  Pool() {
    for (auto& thread : threads_) thread = std::thread([this] { run(); });
  }
  ~Pool() {
    for (std::size_t i = 0; i < threads_.size(); ++i) post(nullptr);
    for (auto& thread : threads_) thread.join();
  }
  void post(std::function<void()> job) {
    {
      std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    posted_.notify_one();
  }

 private:
  void run() {
    for (;;) {
      std::unique_lock lock(mutex_);
      posted_.wait(lock, [this] { return !jobs_.empty(); });
      auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      if (!job) return;
      job();
    }
  }

  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> jobs_;
  std::array<std::thread, 2> threads_;
};

TEST_F(StreamTest, ThousandsWaitWhileOthersWriteAndEachIsCalledOnce) {
  constexpr std::uint32_t shards = 4, writers = 4, puts = 100, readers = 2000;
  Pool pool;
  streams = std::make_unique<Streams>(
      *disk, clock, [&](std::function<void()> job) { pool.post(std::move(job)); });
  auto stream = open(shards);
  std::latch all_called(readers + writers * puts);
  std::vector<std::atomic<int>> calls(readers);
  std::vector<Waiting> waiting;
  for (std::uint32_t i = 0; i < readers; ++i)
    waiting.push_back(stream->when_readable(i % shards, i / shards % puts, [&, i] {
      EXPECT_GT(stream->latest(i % shards), i / shards % puts);
      ++calls[i];
      all_called.count_down();
    }));

  std::vector<std::thread> threads;
  for (std::uint32_t w = 0; w < writers; ++w)
    threads.emplace_back([&, w] {
      for (std::uint32_t i = 0; i < puts; ++i) {
        auto batch = stream->begin_batch();
        batch.begin_record("key", even_range(w, shards).first).append("payload");
        batch.end_record();
        auto put = stream->put(batch);
        ASSERT_TRUE(put);
        stream->when_durable(put->ticket, [&, ticket = put->ticket](Result<void> outcome) {
          EXPECT_TRUE(outcome);
          EXPECT_GE(stream->log().durable(), ticket);
          all_called.count_down();
        });
      }
    });
  for (auto& thread : threads) thread.join();
  all_called.wait();
  for (const auto& count : calls) EXPECT_EQ(count, 1);
  // The log's thread may still be posting.
  stream.reset();
  streams.reset();
}

}  // namespace
}  // namespace tailrace::stream
