#include "server/signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

namespace tailrace::server {
namespace {

TEST(Signals, AreToldInTheOrderTheyCame) {
  Signals signals;
  ::raise(SIGHUP);
  ::raise(SIGTERM);
  EXPECT_EQ(signals.wait(), Signals::Asked::reload);
  EXPECT_EQ(signals.wait(), Signals::Asked::stop);
  EXPECT_EQ(signals.exit_code_when_forced(), 128 + SIGTERM);
}

TEST(Signals, WritingToAPeerThatIsGoneIsAnErrorAndNotTheEnd) {
  Signals signals;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  EXPECT_EQ(::write(ends[1], "x", 1), -1);
  ::close(ends[1]);
}

TEST(Signals, ARepetitionOfTheRequestToStopIsTheSameRequest) {
  Signals signals{std::chrono::hours(1)};
  ::raise(SIGINT);
  ::raise(SIGINT);
  ::raise(SIGTERM);
  ::raise(SIGHUP);
  EXPECT_EQ(signals.wait(), Signals::Asked::stop);
  EXPECT_EQ(signals.exit_code_when_forced(), 128 + SIGINT);
  EXPECT_EQ(signals.wait(), Signals::Asked::reload);
}

TEST(SignalsDeathTest, TheSecondRequestToStopEndsTheProcessAtOnce) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        Signals signals{std::chrono::milliseconds(0)};
        ::raise(SIGTERM);
        ::raise(SIGINT);
      },
      testing::ExitedWithCode(130), "");
}

}  // namespace
}  // namespace tailrace::server
