#include "pg/read_pacer.h"

#include <gtest/gtest.h>

namespace tailrace::pg {
namespace {

using namespace std::chrono_literals;

class ReadPacerTest : public ::testing::Test {
 protected:
  // A steady flow, read every 100 us for 10 ms.
  void flow(double messages_per_second, std::size_t message_bytes) {
    for (int i = 0; i < 100; ++i) {
      now += 100us;
      auto messages = static_cast<std::size_t>(messages_per_second / 10'000);
      pacer.note_read(now, messages, messages * message_bytes);
    }
  }

  ReadPacer pacer;
  ReadPacer::Time now = ReadPacer::Time(1h);
};

TEST_F(ReadPacerTest, NeverPausesBeforeTheFirstRead) { EXPECT_EQ(pacer.pause(now), 0ns); }

TEST_F(ReadPacerTest, NeverPausesInASlowFlow) {
  flow(10'000, 200);
  EXPECT_EQ(pacer.pause(now), 0ns);
}

TEST_F(ReadPacerTest, LetsMessagesGatherInAFastFlowButNotFillTheSocket) {
  flow(200'000, 200);
  EXPECT_GT(pacer.pause(now), 300us);
  EXPECT_LE(pacer.pause(now) * 200'000 / 1s, 96);
}

TEST_F(ReadPacerTest, PausesOneMillisecondAtMost) {
  flow(30'000, 200);
  EXPECT_LE(pacer.pause(now), 1ms);
  EXPECT_GT(pacer.pause(now), 900us);
}

TEST_F(ReadPacerTest, PausesLessForLargeMessages) {
  flow(100'000, 2000);
  EXPECT_LE(pacer.pause(now) * 200'000'000 / 1s, 48 * 1024);
  flow(100'000, 20'000);
  EXPECT_EQ(pacer.pause(now), 0ns);
}

TEST_F(ReadPacerTest, CountsTheTimeThatTheCallerTook) {
  flow(100'000, 200);
  EXPECT_EQ(pacer.pause(now + 2ms), 0ns);
}

TEST_F(ReadPacerTest, NeverPausesAfterALull) {
  flow(100'000, 200);
  now += 10s;
  pacer.note_read(now, 1, 200);
  EXPECT_EQ(pacer.pause(now), 0ns);
}

}  // namespace
}  // namespace tailrace::pg
