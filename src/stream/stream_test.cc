#include "stream/stream.h"

#include <gtest/gtest.h>

#include "base/memory_directory.h"

namespace tailrace::stream {
namespace {

using std::chrono_literals::operator""s;

class FixedClock final : public Clock {
 public:
  UnixMicros now() override { return time; }
  std::chrono::steady_clock::time_point steady() override { return {}; }
  UnixMicros time{std::chrono::seconds{1'700'000'000}};
};

class StreamTest : public testing::Test {
 protected:
  StreamSpec spec(const std::string& name, std::uint32_t shards) {
    StreamSpec spec;
    spec.name = name;
    spec.incarnation = 0xabc;
    spec.shards = initial_shards(shards, 1'600'000'000);
    return spec;
  }

  MemoryDirectory disk;
  FixedClock clock;
  Streams streams{disk, clock};
};

HashKey key_of(const char* decimal) { return parse_hash_key(decimal).value(); }

TEST(InitialShardsTest, ThreeShardsDivideTheRingAsKinesisDoes) {
  auto shards = initial_shards(3, 7);
  ASSERT_EQ(shards.size(), 3u);
  EXPECT_EQ(shards[0].range.last, key_of("113427455640312821154458202477256070484"));
  EXPECT_EQ(shards[1].range.first, key_of("113427455640312821154458202477256070485"));
  EXPECT_EQ(shards[1].range.last, key_of("226854911280625642308916404954512140969"));
  EXPECT_EQ(shards[2].range.last, hash_key_max);
  EXPECT_EQ(shards[2].created_seconds, 7);
}

TEST(InitialShardsTest, RangesTouchAndCoverTheRingForAnyCount) {
  for (std::uint32_t count : {1u, 2u, 4u, 7u, 1000u, 4096u, 10000u}) {
    auto shards = initial_shards(count, 0);
    EXPECT_EQ(shards.front().range.first, HashKey{});
    EXPECT_EQ(shards.back().range.last, hash_key_max);
    for (std::size_t i = 1; i < shards.size(); ++i)
      ASSERT_EQ(shards[i].range.first.value, shards[i - 1].range.last.value + 1);
  }
}

TEST(InitialShardsTest, TwoShardsMeetInTheMiddle) {
  EXPECT_EQ(initial_shards(2, 0)[1].range.first, key_of("170141183460469231731687303715884105728"));
}

TEST(StreamNameTest, TheBrokenRuleIsNamed) {
  EXPECT_TRUE(check_stream_name("product-changes.v1_X"));
  EXPECT_TRUE(check_stream_name(std::string(128, 'a')));
  for (const std::string& name : {std::string(), std::string(129, 'a'), std::string("a/b")}) {
    auto checked = check_stream_name(name);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().fault, Fault::invalid);
  }
  EXPECT_NE(check_stream_name("a/b").error().message.find("position 2"), std::string::npos);
}

TEST_F(StreamTest, AKeyIsRoutedToTheShardWhoseRangeHoldsIt) {
  auto stream = streams.open(spec("orders", 100));
  ASSERT_TRUE(stream);
  for (const Shard& shard : (*stream)->spec().shards) {
    EXPECT_EQ((*stream)->shard_for(shard.range.first), shard.number);
    EXPECT_EQ((*stream)->shard_for(shard.range.last), shard.number);
  }
}

TEST_F(StreamTest, ASequenceNumberLeadsBackToTheOffset) {
  auto stream = streams.open(spec("orders", 3));
  ASSERT_TRUE(stream);
  log::Record record;
  record.offset = 41;
  record.arrival_ms = 1'700'000'000'999;
  auto number = parse_sequence_number((*stream)->sequence_number(2, record));
  ASSERT_TRUE(number);
  EXPECT_EQ(*number, (SequenceNumber{1'600'000'000, 2, 42, 1'700'000'000}));
}

TEST_F(StreamTest, RecordsOfANewBatchArriveNow) {
  auto stream = streams.open(spec("orders", 1));
  ASSERT_TRUE(stream);
  auto batch = (*stream)->begin_batch();
  batch.add(0, "key", "payload");
  auto appended = (*stream)->log().append(batch, 1s);
  ASSERT_TRUE(appended);
  ASSERT_TRUE((*stream)->log().wait_durable(appended->ticket, 10s));
  auto read = (*stream)->log().read(0, 0, 10, 1000);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->records.at(0).arrival_ms, 1'700'000'000'000);
}

TEST_F(StreamTest, AStreamIsFoundByNameAndOpenedOnce) {
  ASSERT_TRUE(streams.open(spec("b", 1)));
  ASSERT_TRUE(streams.open(spec("a", 1)));
  auto again = streams.open(spec("a", 1));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().fault, Fault::conflict);
  EXPECT_EQ(streams.find("b")->spec().name, "b");
  EXPECT_EQ(streams.find("c"), nullptr);
  EXPECT_EQ(streams.all().size(), 2u);
}

TEST_F(StreamTest, TheFolderIsNamedForTheIncarnation) {
  auto stream = streams.open(spec("orders", 1));
  ASSERT_TRUE(stream);
  auto batch = (*stream)->begin_batch();
  batch.add(0, "key", "payload");
  auto appended = (*stream)->log().append(batch, 1s);
  ASSERT_TRUE((*stream)->log().wait_durable(appended->ticket, 10s));
  auto folder = disk.subdirectory("streams");
  EXPECT_EQ(*(*folder)->list(), std::vector<std::string>{"orders-0000000000000abc"});
}

TEST_F(StreamTest, TheNewestSegmentIsKeptHoweverOldItsRecordsAre) {
  auto stream = streams.open(spec("orders", 1));
  ASSERT_TRUE(stream);
  auto batch = (*stream)->begin_batch();
  batch.add(0, "key", "payload");
  auto appended = (*stream)->log().append(batch, 1s);
  ASSERT_TRUE((*stream)->log().wait_durable(appended->ticket, 10s));
  clock.time += std::chrono::hours{100};
  EXPECT_EQ(*(*stream)->retire(), 0u);
  EXPECT_EQ((*stream)->log().first_offset(0), 0u);
}

}  // namespace
}  // namespace tailrace::stream
