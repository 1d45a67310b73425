#include "base/blocking_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>

namespace tailrace {
namespace {

TEST(BlockingPool, JobsThatBlockRunBesideEachOther) {
  BlockingPool pool{{.name = "test", .threads_max = 2}};
  std::promise<void> first, second;
  // Each waits for the other: on one thread neither would end.
  ASSERT_TRUE(pool.submit([&] {
    first.set_value();
    second.get_future().wait();
  }));
  std::promise<void> both;
  ASSERT_TRUE(pool.submit([&] {
    first.get_future().wait();
    second.set_value();
    both.set_value();
  }));
  both.get_future().wait();
}

TEST(BlockingPool, AFullQueueRefusesInsteadOfGrowing) {
  std::promise<void> begun, go;
  auto going = go.get_future().share();
  BlockingPool pool{{.name = "test", .threads_max = 1, .queue_max = 2}};
  ASSERT_TRUE(pool.submit([&, going] {
    begun.set_value();
    going.wait();
  }));
  begun.get_future().wait();
  EXPECT_TRUE(pool.submit([] {}));
  EXPECT_TRUE(pool.submit([] {}));
  EXPECT_FALSE(pool.submit([] {}));
  go.set_value();
}

TEST(BlockingPool, ItsEndWaitsForWhatHasBegunAndDropsTheRest) {
  std::atomic<bool> ended{false}, ran{false};
  auto held = std::make_shared<int>(0);
  std::promise<void> begun;
  auto pool =
      std::make_unique<BlockingPool>(BlockingPool::Options{.name = "test", .threads_max = 1});
  std::promise<void> go;
  ASSERT_TRUE(pool->submit([&] {
    begun.set_value();
    go.get_future().wait();
    ended = true;
  }));
  begun.get_future().wait();
  ASSERT_TRUE(pool->submit([&ran, held] { ran = true; }));
  std::thread closing([&] { pool.reset(); });
  // The dropped job lets go of what it holds before the running one ends.
  while (held.use_count() > 1) std::this_thread::yield();
  EXPECT_FALSE(ended);
  go.set_value();
  closing.join();
  EXPECT_TRUE(ended);
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace tailrace
