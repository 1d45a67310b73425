#include "base/gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

namespace tailrace {
namespace {

TEST(GateTest, NothingPassesAfterClose) {
  Gate gate;
  EXPECT_TRUE(gate.pass([] {}));
  gate.close();
  EXPECT_FALSE(gate.pass([] { FAIL(); }));
}

TEST(GateTest, CloseWaitsForTheCallInsideOnAnotherThread) {
  Gate gate;
  std::promise<void> inside, leave;
  std::atomic<bool> left = false;
  std::thread other([&] {
    gate.pass([&] {
      inside.set_value();
      leave.get_future().wait();
      left = true;
    });
  });
  inside.get_future().wait();
  std::thread release([&] { leave.set_value(); });
  gate.close();
  EXPECT_TRUE(left);
  other.join();
  release.join();
}

TEST(GateTest, ACallInsideMayCloseIt) {
  Gate gate;
  EXPECT_TRUE(gate.pass([&] { gate.pass([&] { gate.close(); }); }));
  EXPECT_TRUE(gate.closed());
}

}  // namespace
}  // namespace tailrace
