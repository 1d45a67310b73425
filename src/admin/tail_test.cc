#include "admin/tail.h"

#include <gtest/gtest.h>

#include "admin/fake_stream.h"

namespace tailrace::admin {
namespace {

class TailTest : public testing::Test {
 protected:
  ~TailTest() override {
    open.close_all();
    work_.reset();
    io.stop();
    for (std::thread& thread : threads_) thread.join();
  }

  std::shared_ptr<FakePeer> tail(std::uint64_t limit = UINT64_MAX) {
    auto peer = std::make_shared<FakePeer>();
    answer_with_tail(io, open, orders.stream, {{0, 0}, {1, 0}}, limit, peer);
    return peer;
  }

  boost::asio::io_context io;
  http::OpenAnswers open;
  FakeStream orders{2};

 private:
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io.get_executor()};
  std::thread threads_[2] = {std::thread([this] { io.run(); }), std::thread([this] { io.run(); })};
};

TEST_F(TailTest, SendsWhatIsThereAndThenWhatComes) {
  orders.log->add(0, 1, "a");
  auto peer = tail();
  EXPECT_EQ(peer->status(), 200);
  EXPECT_EQ(peer->lines(1).at(0)["data"], "a");
  orders.log->add(1, 2, "b");
  auto lines = peer->lines(2);
  EXPECT_EQ(lines.at(1)["data"], "b");
  EXPECT_EQ(lines.at(1)["shard_id"], "shardId-000000000001");
  EXPECT_FALSE(peer->ended());
}

TEST_F(TailTest, GoesOverASplitAndAMergeInOrder) {
  orders.log->add(0, 1, "a");
  auto peer = tail();
  peer->lines(1);
  orders.split(0);
  orders.log->add(3, 2, "b");
  peer->lines(2);
  orders.merge(3, 1);
  orders.log->add(4, 3, "c");
  auto lines = peer->lines(3);
  EXPECT_EQ(lines.at(1)["shard_id"], "shardId-000000000003");
  EXPECT_EQ(lines.at(2)["shard_id"], "shardId-000000000004");
}

TEST_F(TailTest, EndsAfterTheLimit) {
  for (int i = 0; i < 5; ++i) orders.log->add(0, i, std::to_string(i));
  auto peer = tail(3);
  EXPECT_EQ(peer->lines_to_the_end().size(), 3u);
  EXPECT_EQ(orders.watchers(), 0u);
}

TEST_F(TailTest, ALimitOfZeroEndsAtOnce) { EXPECT_EQ(tail(0)->lines_to_the_end().size(), 0u); }

TEST_F(TailTest, ASlowPeerIsWaitedFor) {
  orders.log->add(0, 1, "a");
  auto peer = tail();
  peer->wait_for_chunk();
  // The fake peer fails the test when a second write comes before the first was taken.
  for (int i = 0; i < 1000; ++i) orders.log->add(0, 2, "more");
  EXPECT_EQ(peer->chunks(), 1u);
  EXPECT_EQ(peer->lines(1001).size(), 1001u);
}

TEST_F(TailTest, APeerThatLeavesIsForgotten) {
  auto peer = tail();
  peer->status();
  EXPECT_EQ(orders.watchers(), 1u);
  peer->leave();
  EXPECT_EQ(orders.watchers(), 0u);
  orders.log->add(0, 1, "a");
}

TEST_F(TailTest, APeerThatIsGoneWhenWrittenToIsForgotten) {
  orders.log->add(0, 1, "a");
  auto peer = tail();
  peer->wait_for_chunk();
  peer->take_chunk(false);
  peer->lines_to_the_end();
  EXPECT_EQ(orders.watchers(), 0u);
}

TEST_F(TailTest, AFencedLogEndsItWithTheReasonAfterTheLastRecord) {
  orders.log->add(0, 1, "a");
  auto peer = tail();
  peer->lines(1);
  orders.log->fence();
  auto lines = peer->lines_to_the_end();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1]["error"]["fault"], "fenced");
}

TEST_F(TailTest, ClosingEndsItEvenWhileAPeerIsSlow) {
  orders.log->add(0, 1, "a");
  auto peer = tail();
  peer->wait_for_chunk();
  open.close_all();
  EXPECT_TRUE(peer->ended());
  EXPECT_EQ(orders.watchers(), 0u);
  peer->take_chunk(true);
  EXPECT_FALSE(tail()->answered());  // nothing is begun any more
}

}  // namespace
}  // namespace tailrace::admin
