#include "stream/stream.h"

#include "log/testing/memory_log.h"
#include "stream/stream_fixture.h"

namespace tailrace::stream {
namespace {

using ::testing::ElementsAre;

TEST_F(StreamTest, AKeyIsRoutedToTheShardWhoseRangeHoldsIt) {
  auto stream = open(100);
  auto spec = stream->spec();
  auto batch = stream->begin_batch();
  for (const Shard& shard : spec->shards) {
    EXPECT_EQ(batch.shard_for(shard.range.first), shard.number);
    EXPECT_EQ(batch.shard_for(shard.range.last), shard.number);
  }
}

// Refuses a batch, and has room for it before anybody can ask to wait for that.
class CrowdedLog final : public log::testing::MemoryLog {
 public:
  Result<Appended> append(log::Batch&, std::chrono::milliseconds) override {
    if (durable_++ == 0) return Error{Fault::unavailable, "the queue is full"};
    return Appended{.ticket = 2};
  }
  Ticket durable() const override { return durable_; }
  Result<void> wait_durable(Ticket ticket, std::chrono::milliseconds) override {
    if (ticket <= durable_) return {};
    ++waits_in_vain;
    return Error{Fault::timeout, "nobody else appends"};
  }
  int waits_in_vain = 0;

 private:
  Ticket durable_ = 0;
};

TEST_F(StreamTest, RoomThatIsMadeRightAfterARefusalIsNotWaitedForOnceMore) {
  auto owned = std::make_unique<CrowdedLog>();
  CrowdedLog& log = *owned;
  Stream stream(spec("orders", 1), std::move(owned), clock);
  auto batch = stream.begin_batch();
  batch.add("key", "payload");
  auto appended = stream.append(batch, patience);
  ASSERT_TRUE(appended) << appended.error().message;
  EXPECT_EQ(appended->ticket, 2u);
  EXPECT_EQ(log.waits_in_vain, 0);
}

TEST_F(StreamTest, ASequenceNumberLeadsBackToTheOffset) {
  auto stream = open(3);
  log::Record record;
  record.offset = 41;
  record.arrival_ms = 1'700'000'000'999;
  auto number = parse_sequence_number(stream->sequence_number(2, record));
  ASSERT_TRUE(number);
  EXPECT_EQ(*number, (SequenceNumber{1'600'000'000, 2, 42, 1'700'000'000}));
}

TEST(SequenceNumberTest, StartAndEndOfAShardAreTheNumbersOfKinesis) {
  Shard shard{.number = 1, .created_seconds = 1'700'000'000, .closed_ms = 1'700'000'100'000};
  EXPECT_EQ(starting_sequence_number(shard),
            "49646437577130777162115407028967465143858078037781250066");
  EXPECT_EQ(sequence_number(shard, 0, 1'700'000'001'000),
            "49646437577130777162115407028968674069677692735675432978");
  EXPECT_EQ(ending_sequence_number(shard),
            "49646437577141927534714672340537024077174794461307207698");
}

// Texts of one length are in order as the numbers are.
TEST(SequenceNumberTest, OfAChildAreAboveThoseOfItsParentsAlsoInTheSecondThatMadeThem) {
  StreamSpec spec;
  spec.shards = initial_shards(16, 1'700'000'000);
  ASSERT_TRUE(split(spec, 15, {hash_key_max.value - 1000}, 1'700'000'000'500));
  ASSERT_TRUE(merge(spec, 16, 17, 1'700'000'000'900));

  for (ShardNumber child : {16u, 17u})
    EXPECT_GT(starting_sequence_number(spec.shards[child]),
              ending_sequence_number(spec.shards[15]));
  for (ShardNumber parent : {16u, 17u})
    EXPECT_GT(starting_sequence_number(spec.shards[18]),
              ending_sequence_number(spec.shards[parent]));
}

TEST_F(StreamTest, RecordsOfANewBatchArriveNow) {
  auto stream = open(1);
  put(*stream, "key", "payload");
  auto read = stream->read(0, 0, 10, 1000);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->records.records.at(0).arrival_ms, clock.ms());
}

TEST_F(StreamTest, APutTellsWhereEachRecordIsInTheOrderOfTheBatch) {
  auto stream = open(2);
  put(*stream, "a", "before");  // shard 0
  auto batch = stream->begin_batch();
  batch.begin_record("x", hash_key_max).append("first");
  batch.end_record();
  batch.begin_record("dropped").append("never");
  batch.abandon_record();
  batch.add("a", "second");
  batch.begin_record("y", HashKey{}).append("third");
  batch.end_record();

  auto put = stream->put(batch);

  ASSERT_TRUE(put);
  ASSERT_EQ(put->places.size(), 3u);
  EXPECT_EQ(put->places[0].shard, 1u);
  EXPECT_EQ(put->places[0].offset, 0u);
  EXPECT_EQ(put->places[1].shard, 0u);
  EXPECT_EQ(put->places[1].offset, 1u);
  EXPECT_EQ(put->places[2].shard, 0u);
  EXPECT_EQ(put->places[2].offset, 2u);
  EXPECT_TRUE(batch.empty());
  ASSERT_TRUE(stream->log().wait_durable(put->ticket, patience));
  EXPECT_THAT(payloads(*stream, 0), ElementsAre("before", "second", "third"));
  EXPECT_THAT(payloads(*stream, 1), ElementsAre("first"));
}

}  // namespace
}  // namespace tailrace::stream
