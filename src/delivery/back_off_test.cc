#include "delivery/back_off.h"

#include <gtest/gtest.h>

namespace tailrace::delivery {

using std::chrono::milliseconds;

TEST(BackOff, DoublesUpToTheLongestDelay) {
  BackOff back_off{milliseconds(100), milliseconds(1000)};
  std::minstd_rand random(1);
  const std::pair<std::int64_t, std::int64_t> expected[] = {
      {100, 200}, {200, 400}, {400, 800}, {800, 1000}, {800, 1000}};
  for (std::uint32_t failures = 1; failures <= 5; ++failures)
    for (int i = 0; i < 200; ++i) {
      auto delay = back_off.delay(failures, random).count();
      EXPECT_GE(delay, expected[failures - 1].first) << failures;
      EXPECT_LE(delay, expected[failures - 1].second) << failures;
    }
}

TEST(BackOff, StaysWithinItsBoundsAfterAnyNumberOfFailures) {
  BackOff back_off{milliseconds(100), milliseconds(60000)};
  std::minstd_rand random(2);
  for (std::uint32_t failures : {0u, 10u, 63u, 64u, 10001u, 4000000000u}) {
    EXPECT_GE(back_off.delay(failures, random), milliseconds(100));
    EXPECT_LE(back_off.delay(failures, random), milliseconds(60000));
  }
}

TEST(BackOff, DoesNotBringEverybodyBackAtOnce) {
  BackOff back_off{milliseconds(100), milliseconds(60000)};
  std::minstd_rand random(3);
  auto first = back_off.delay(5, random);
  bool others = false;
  for (int i = 0; i < 20; ++i) others = others || back_off.delay(5, random) != first;
  EXPECT_TRUE(others);
}

}  // namespace tailrace::delivery
