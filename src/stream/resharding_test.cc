// Streams whose shards change while they are written and read.

#include <deque>
#include <map>
#include <random>
#include <thread>

#include "stream/stream_fixture.h"

namespace tailrace::stream {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

template <typename Change>
void adopt(Stream& stream, Change change) {
  StreamSpec changed = *stream.spec();
  change(changed);
  stream.adopt(std::move(changed));
}

TEST_F(StreamTest, RecordsGoToTheChildrenAfterASplitAndTheParentEnds) {
  auto stream = open(1);
  put(*stream, "a", "before");
  EXPECT_FALSE(stream->read(0, 1, 10, 1000)->ended);
  EXPECT_THAT(stream->children(0), IsEmpty());

  split(*stream, 0);

  auto end = stream->read(0, 0, 10, 1000);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->records.records.size(), 1u);
  EXPECT_TRUE(end->ended);
  EXPECT_TRUE(stream->read(0, stream->latest(0), 10, 1000)->ended);
  put(*stream, "a", "after");  // low in the ring
  EXPECT_THAT(payloads(*stream, 0), ElementsAre("before"));
  EXPECT_THAT(payloads(*stream, 1), ElementsAre("after"));
  auto children = stream->children(0);
  ASSERT_EQ(children.size(), 2u);
  EXPECT_EQ(children[0].number, 1u);
  EXPECT_FALSE(stream->read(1, 1, 10, 1000)->ended);
}

TEST_F(StreamTest, AParentHasNotEndedWhileItsLastRecordsAreNotDurable) {
  auto stream = open(1);
  put(*stream, "a", "durable");
  std::mutex held;
  held.lock();
  disk->on_sync([&] { std::lock_guard wait(held); });
  auto batch = stream->begin_batch();
  batch.add("a", "on its way");
  auto appended = stream->append(batch, patience);

  split(*stream, 0);

  auto early = stream->read(0, 0, 10, 1000);
  EXPECT_EQ(early->next, 1u);
  EXPECT_FALSE(early->ended);
  held.unlock();
  ASSERT_TRUE(stream->log().wait_durable(appended->ticket, patience));
  auto late = stream->read(0, early->next, 10, 1000);
  EXPECT_EQ(late->next, 2u);
  EXPECT_TRUE(late->ended);
  disk->on_sync(nullptr);
}

TEST_F(StreamTest, ABatchRoutedBeforeASplitIsRoutedAnewWithEachKeysOrder) {
  auto stream = open(2);
  auto batch = stream->begin_batch();
  auto later = clock.ms() + 5;
  for (const char* key : {"a", "b", "ключ"}) {
    batch.add(key, std::string(key) + " 1");
    clock.step(5ms);
    batch.set_arrival(clock.now());
    batch.add(key, std::string(key) + " 2");
  }
  batch.begin_record("a", hash_key_max).append("explicit");
  batch.end_record();
  batch.set_mark("mark", "value");
  split(*stream, 0);     // into 2, 3
  split(*stream, 1);     // into 4, 5
  merge(*stream, 3, 4);  // into 6

  auto appended = stream->append(batch, patience);

  ASSERT_TRUE(appended);
  ASSERT_TRUE(stream->log().wait_durable(appended->ticket, patience));
  EXPECT_THAT(payloads(*stream, 0), IsEmpty());
  EXPECT_THAT(payloads(*stream, 1), IsEmpty());
  EXPECT_THAT(payloads(*stream, 2), ElementsAre("a 1", "a 2"));
  EXPECT_THAT(payloads(*stream, 6), ElementsAre("b 1", "b 2"));
  EXPECT_THAT(payloads(*stream, 5), ElementsAre("ключ 1", "ключ 2", "explicit"));
  EXPECT_EQ(stream->read(2, 1, 1, 1)->records.records.at(0).arrival_ms, later);
  EXPECT_EQ(stream->log().mark("mark"), "value");
}

TEST_F(StreamTest, WhatIsMeantForEveryShardReachesEveryOpenOneOnceAndInItsPlace) {
  auto stream = open(2);
  auto batch = stream->begin_batch();
  for (const char* key : {"a", "b", "ключ"}) batch.add(key, std::string(key) + " before");
  batch.add_to_every_shard("all", "truncate");
  for (const char* key : {"a", "b", "ключ"}) batch.add(key, std::string(key) + " after");
  split(*stream, 1);     // into 2 and 3
  merge(*stream, 0, 2);  // into 4

  auto appended = stream->append(batch, patience);

  ASSERT_TRUE(appended);
  ASSERT_TRUE(stream->log().wait_durable(appended->ticket, patience));
  EXPECT_THAT(payloads(*stream, 4),
              ElementsAre("a before", "b before", "truncate", "a after", "b after"));
  EXPECT_THAT(payloads(*stream, 3), ElementsAre("ключ before", "truncate", "ключ after"));
}

TEST_F(StreamTest, APutIntoAStreamThatWasSplitTellsTheNewPlaces) {
  auto stream = open(1);
  auto batch = stream->begin_batch();
  batch.add("k1", "high");
  batch.add("a", "low");
  split(*stream, 0);
  auto put = stream->put(batch);
  ASSERT_TRUE(put);
  EXPECT_EQ(put->places[0].shard, 2u);
  EXPECT_EQ(put->places[1].shard, 1u);
}

TEST_F(StreamTest, AClosedShardIsGoneWhenItsRecordsAreAllPastTheRetention) {
  auto stream = open(1);
  put(*stream, "a", "old");
  auto record = stream->read(0, 0, 1, 1)->records.records.at(0);
  split(*stream, 0);
  EXPECT_EQ(stream->shards().size(), 3u);
  clock.step(std::chrono::hours{24} + 1ms);

  EXPECT_EQ(stream->shards().size(), 2u);
  EXPECT_FALSE(stream->shard(0));
  EXPECT_EQ(stream->read(0, 0, 1, 1).error().fault, Fault::not_found);
  adopt(*stream, [](StreamSpec& spec) { spec.shards.erase(spec.shards.begin()); });
  // Who has read the record before may still name it.
  EXPECT_EQ(parse_sequence_number(stream->sequence_number(0, record))->counter, 1u);
}

TEST_F(StreamTest, OldRecordsAreHiddenExactlyAndAtOnce) {
  auto stream = open(1);
  for (int i = 0; i < 10; ++i) {
    put(*stream, "a", std::to_string(i));
    clock.step(std::chrono::hours{1});
  }
  clock.step(std::chrono::hours{18});  // record i is 28 - i hours old
  EXPECT_THAT(payloads(*stream, 0), ElementsAre("4", "5", "6", "7", "8", "9"));
  EXPECT_EQ(*stream->horizon(0), 4u);
  EXPECT_EQ(*stream->offset_at(0, 0), 4u);
  EXPECT_EQ(*stream->offset_at(0, clock.ms() - 20 * 3'600'000), 8u);
  EXPECT_EQ(*stream->offset_at(0, clock.ms()), 10u);

  adopt(*stream, [&](StreamSpec& spec) { spec.set_retention(std::chrono::hours{48}, clock.ms()); });
  EXPECT_EQ(payloads(*stream, 0).size(), 6u) << "hidden stays hidden";
  adopt(*stream, [&](StreamSpec& spec) { spec.set_retention(std::chrono::hours{24}, clock.ms()); });
  clock.step(std::chrono::hours{2});
  EXPECT_THAT(payloads(*stream, 0), ElementsAre("6", "7", "8", "9"));
  clock.step(std::chrono::hours{100});
  auto nothing = stream->read(0, 0, 10, 1000);
  ASSERT_TRUE(nothing);
  EXPECT_EQ(nothing->next, 10u);
  EXPECT_THAT(nothing->records.records, IsEmpty());
}

TEST_F(StreamTest, ARecordOlderThanTheRetentionIsHiddenThoughItCameLater) {
  auto stream = open(1);
  put(*stream, "a", "new");
  clock.step(-std::chrono::hours{10});
  put(*stream, "a", "from a clock that went back");
  clock.step(std::chrono::hours{30});
  EXPECT_THAT(payloads(*stream, 0), ElementsAre("new"));
}

TEST_F(StreamTest, AQuietStreamsOldRecordsAreDeletedAndItsOffsetsGoOn) {
  auto stream = open(1);
  put(*stream, "a", "old");
  clock.step(std::chrono::hours{25});
  while (*stream->retire() == 0) std::this_thread::yield();  // the log's thread begins a segment
  put(*stream, "a", "new");
  EXPECT_EQ(*stream->horizon(0), 1u);
  EXPECT_THAT(payloads(*stream, 0), ElementsAre("new"));
}

// Writes under keys of its own; the payload counts the records of the key.
class Producer {
 public:
  Producer(Stream& stream, unsigned number) : stream_(stream), number_(number), random_(number) {}

  void run(const std::atomic<bool>& stop) {
    log::StreamLog::Ticket last = 0;
    while (!stop) {
      auto ticket = write_batch();
      ASSERT_TRUE(ticket) << ticket.error().message;
      last = *ticket;
      if (random_() % 8 == 0) {
        ASSERT_TRUE(stream_.log().wait_durable(last, patience));
      }
    }
    ASSERT_TRUE(stream_.log().wait_durable(last, patience));
  }
  // How many records of each key.
  const std::map<std::string, int>& written() const { return written_; }

 private:
  // By both ways into the stream, one for a producer.
  Result<log::StreamLog::Ticket> write_batch() {
    auto batch = stream_.begin_batch();
    for (int i = 0; i < 5; ++i) {
      auto key = std::to_string(number_) + "/" + std::to_string(random_() % 8);
      batch.add(key, std::to_string(written_[key]++));
      if (random_() % 4 == 0) std::this_thread::yield();
    }
    if (number_ % 2 == 0) {
      auto put = stream_.put(batch);
      if (!put) return std::move(put).error();
      return put->ticket;
    }
    auto appended = stream_.append(batch, patience);
    if (!appended) return std::move(appended).error();
    return appended->ticket;
  }

  Stream& stream_;
  const unsigned number_;
  std::mt19937 random_;
  std::map<std::string, int> written_;
};

class ReshardingUnderLoadTest : public StreamTest {
 protected:
  // The shards that it closed.
  std::vector<ShardNumber> split_or_merge(Stream& stream, bool rather_merge) {
    auto open = stream.open_shards();
    std::size_t at = random_() % open.size();
    if (open.size() > 6 || (rather_merge && at + 1 < open.size() && open.size() > 2)) {
      at = std::min(at, open.size() - 2);
      merge(stream, open[at].number, open[at + 1].number);
      return {open[at].number, open[at + 1].number};
    }
    split(stream, open[at].number);
    return {open[at].number};
  }

  // Where a closed shard ends, read while others go on writing.
  static Offset end_of(Stream& stream, ShardNumber shard) {
    for (Offset from = 0;;) {
      auto read = stream.read(shard, from, 10000, 1 << 20);
      EXPECT_TRUE(read);
      if (!read) return from;
      from = read->next;
      if (read->ended) return from;
    }
  }

  // Counts the records of each key on, which must come in order and in a shard that has its hash.
  static void follow(Stream& stream, const Shard& shard, std::map<std::string, int>& next) {
    for (Offset from = 0;;) {
      auto read = stream.read(shard.number, from, 1000, 1 << 20);
      ASSERT_TRUE(read);
      if (read->records.records.empty()) return;
      for (const auto& record : read->records.records) {
        std::string key(record.partition_key);
        ASSERT_TRUE(shard.range.contains(hash_key_of(key)));
        ASSERT_EQ(record.payload, std::to_string(next[key]++)) << key << " in " << shard.number;
      }
      from = read->next;
    }
  }

 private:
  std::mt19937 random_{99};
};

TEST_F(ReshardingUnderLoadTest, NothingIsLostOrOutOfOrder) {
  auto stream = open(2);
  std::atomic<bool> stop{false};
  std::deque<Producer> producers;
  std::vector<std::thread> threads;
  for (unsigned number = 0; number < 4; ++number)
    threads.emplace_back(
        [&stop, &producer = producers.emplace_back(*stream, number)] { producer.run(stop); });

  std::map<ShardNumber, Offset> ends;
  for (int i = 0; i < 50; ++i)
    for (ShardNumber shard : split_or_merge(*stream, i % 2 == 1))
      ends[shard] = end_of(*stream, shard);
  stop = true;
  for (auto& thread : threads) thread.join();

  for (auto [shard, end] : ends) EXPECT_EQ(stream->latest(shard), end) << shard;
  // A key's story: its shards in order of number.
  std::map<std::string, int> next;
  auto spec = stream->spec();
  for (const Shard& shard : spec->shards) follow(*stream, shard, next);
  std::map<std::string, int> written;
  for (const Producer& producer : producers)
    written.insert(producer.written().begin(), producer.written().end());
  EXPECT_EQ(next, written);
}

}  // namespace
}  // namespace tailrace::stream
