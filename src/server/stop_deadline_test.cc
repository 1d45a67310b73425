#include "server/stop_deadline.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace tailrace::server {
namespace {

void hang_while_stopping() {
  StopDeadline deadline;
  deadline.begin(std::chrono::seconds{0}, 143);
  for (;;) ::pause();
}

TEST(StopDeadlineDeathTest, AStopThatHangsIsCutShort) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(hang_while_stopping(), testing::ExitedWithCode(143), "");
}

TEST(StopDeadline, AStopInTimeIsLeftAlone) {
  StopDeadline deadline;
  deadline.begin(std::chrono::hours{1}, 143);
}

}  // namespace
}  // namespace tailrace::server
