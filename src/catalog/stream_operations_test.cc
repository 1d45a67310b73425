#include "catalog/stream_operations.h"

#include <algorithm>
#include <map>

#include "base/memory_directory.h"
#include "catalog/catalog_fixture.h"

namespace tailrace::catalog {
namespace {

using stream::Mode;
using stream::ShardMetric;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Direction = StreamOperations::Direction;
using Consumers = StreamOperations::Consumers;

constexpr std::chrono::milliseconds patience = std::chrono::seconds{30};

class StreamOperationsTest : public CatalogTest {
 protected:
  StreamOperationsTest() { start(); }
  ~StreamOperationsTest() override { stop(); }

  void stop() {
    operations_.reset();
    streams_.reset();
  }
  void start() {
    streams_ = std::make_unique<stream::Streams>(*disk_, clock_);
    operations_ = std::make_unique<StreamOperations>(*catalog_, *streams_, clock_);
    auto followed = operations_->follow_catalog();
    ASSERT_TRUE(followed) << followed.error().message;
    EXPECT_THAT(followed->broken, IsEmpty());
  }
  // As after the process was killed: what was not written down is forgotten.
  void restart() {
    auto after = disk_->after_kill();
    stop();
    disk_ = std::move(after);
    reopen();
    start();
  }
  void create(const std::string& name, std::uint32_t shards) {
    auto created = operations_->create({.name = name, .shards = shards});
    ASSERT_TRUE(created) << created.error().message;
  }
  std::shared_ptr<const stream::StreamSpec> spec(const std::string& name) {
    return streams_->find(name)->spec();
  }
  stream::StreamSpec row(const std::string& name) { return catalog_->stream(name).value()->spec; }
  std::vector<std::string> folders() {
    auto folder = disk_->subdirectory("streams").value();
    return folder->list().value();
  }
  void put(const std::string& name, const std::string& key) {
    auto stream = streams_->find(name);
    auto batch = stream->begin_batch();
    batch.add(key, "payload");
    auto appended = stream->append(batch, patience);
    ASSERT_TRUE(appended) << appended.error().message;
    ASSERT_TRUE(stream->log().wait_durable(appended->ticket, patience));
  }

  std::unique_ptr<MemoryDirectory> disk_ = std::make_unique<MemoryDirectory>();
  std::unique_ptr<stream::Streams> streams_;
  std::unique_ptr<StreamOperations> operations_;
};

void expect_refused(const Result<void>& done, Fault fault, const std::string& text) {
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().fault, fault) << done.error().message;
  EXPECT_THAT(done.error().message, HasSubstr(text));
}

TEST_F(StreamOperationsTest, ACreatedStreamIsThereAtOnceAndAfterARestart) {
  ASSERT_TRUE(operations_->create(
      {.name = "orders", .shards = 3, .max_record_kib = 10240, .tags = {{"team", "shop"}}}));
  put("orders", "a");
  restart();
  EXPECT_EQ(spec("orders")->open_shards(), 3u);
  EXPECT_EQ(spec("orders")->max_record_kib, 10240u);
  EXPECT_THAT(spec("orders")->tags, ElementsAre(testing::Pair("team", "shop")));
  EXPECT_EQ(streams_->find("orders")->latest(0), 1u);
  expect_refused(operations_->create({.name = "orders"}), Fault::conflict,
                 "Stream orders under account 000000000000 already exists.");
}

TEST_F(StreamOperationsTest, AnOnDemandStreamBeginsWithFourShardsAndIsNotResharded) {
  ASSERT_TRUE(operations_->create({.name = "orders", .shards = 1, .mode = Mode::on_demand}));
  EXPECT_EQ(spec("orders")->open_shards(), 4u);
  std::string why =
      "Request is invalid. Stream orders under account 000000000000 is in On-Demand mode.";
  expect_refused(operations_->split("orders", 0, HashKey{10}), Fault::invalid, why);
  expect_refused(operations_->merge("orders", 0, 1), Fault::invalid, why);
  EXPECT_EQ(operations_->update_shard_count("orders", 2).error().message, why);
  ASSERT_TRUE(operations_->set_mode("orders", Mode::provisioned));
  EXPECT_TRUE(operations_->update_shard_count("orders", 2));
}

TEST_F(StreamOperationsTest, ShardsThatWereSplitAndMergedAreSoAfterARestart) {
  create("orders", 2);
  HashRange range = spec("orders")->shards[1].range;
  HashKey middle{range.first.value + (range.last.value - range.first.value) / 2};
  ASSERT_TRUE(operations_->split("orders", 1, middle));
  put("orders", "a");
  ASSERT_TRUE(operations_->merge("orders", 0, 2));
  put("orders", "a");
  auto before = *spec("orders");
  restart();
  EXPECT_EQ(*spec("orders"), before);
  auto stream = streams_->find("orders");
  auto ended = stream->read(0, 0, 10, 1000);
  ASSERT_TRUE(ended);
  EXPECT_THAT(ended->records.records, SizeIs(1));
  EXPECT_TRUE(ended->ended);
  EXPECT_EQ(stream->latest(4), 1u);
}

TEST_F(StreamOperationsTest, ReshardingIsRefusedInAwssWords) {
  create("orders", 3);
  expect_refused(
      operations_->split("orders", 0, HashKey{1}), Fault::invalid,
      "NewStartingHashKey 1 used in SplitShard() on shard shardId-000000000000 in stream "
      "orders under account 000000000000 is not both greater than one plus the shard's "
      "StartingHashKey 0 and less than the shard's EndingHashKey "
      "113427455640312821154458202477256070484.");
  expect_refused(operations_->merge("orders", 1, 0), Fault::invalid,
                 "Shards shardId-000000000001 and shardId-000000000000 in stream orders under "
                 "account 000000000000 are not an adjacent pair of shards eligible for merging");
  expect_refused(
      operations_->split("orders", 7, HashKey{9}), Fault::not_found,
      "Could not find shard shardId-000000000007 in stream orders under account 000000000000.");
  expect_refused(operations_->split("lost", 0, HashKey{9}), Fault::not_found,
                 "Stream lost under account 000000000000 not found.");
}

TEST_F(StreamOperationsTest, ADeclaredStreamThatWasReshardedStillFitsItsDeclaration) {
  Declaration declaration;
  declaration.streams = {{.name = "orders", .shards = 2}};
  ASSERT_TRUE(apply(*catalog_, declaration, clock_));
  ASSERT_TRUE(operations_->follow_catalog());
  auto counts = operations_->update_shard_count("orders", 5);
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->before, 2u);
  EXPECT_EQ(counts->after, 5u);

  auto again = apply(*catalog_, declaration, clock_);

  ASSERT_TRUE(again) << again.error().message;
  EXPECT_THAT(*again, IsEmpty());
  EXPECT_EQ(row("orders").open_shards(), 5u);
}

TEST_F(StreamOperationsTest, AStreamFromBeforeShardsCouldChangeKeepsItsDeclaredCount) {
  ASSERT_TRUE(catalog_->put(stream_spec("old"), Origin::yaml));
  ASSERT_TRUE(operations_->follow_catalog());
  ASSERT_TRUE(operations_->update_shard_count("old", 4));
  EXPECT_EQ(row("old").shards_declared(), 1u);
}

TEST_F(StreamOperationsTest, AllStreamsTogetherHaveALimitOfOpenShards) {
  create("orders", 1);
  auto done = operations_->update_shard_count("orders", open_shards_max + 1);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().fault, Fault::full);
  EXPECT_EQ(operations_->create({.name = "more", .shards = open_shards_max}).error().fault,
            Fault::full);
  EXPECT_EQ(operations_->open_shards(), 1u);
}

TEST_F(StreamOperationsTest, TheRetentionGoesOnlyTheWayItIsAskedTo) {
  create("orders", 1);
  ASSERT_TRUE(operations_->set_retention("orders", 48, Direction::increase));
  ASSERT_TRUE(operations_->set_retention("orders", 48, Direction::increase)) << "the same is fine";
  ASSERT_TRUE(operations_->set_retention("orders", 48, Direction::decrease));
  expect_refused(operations_->set_retention("orders", 47, Direction::increase), Fault::invalid,
                 "Requested retention period (47 hours) for stream orders can not be shorter than "
                 "existing retention period (48 hours). Use DecreaseRetentionPeriod API.");
  expect_refused(operations_->set_retention("orders", 49, Direction::decrease), Fault::invalid,
                 "can not be longer than existing retention period (48 hours)");
  expect_refused(operations_->set_retention("orders", 23, Direction::decrease), Fault::invalid,
                 "Minimum allowed retention period is 24 hours. Requested retention period (23 "
                 "hours) is too short.");
  expect_refused(operations_->set_retention("orders", 8761, Direction::increase), Fault::invalid,
                 "Maximum allowed retention period is 8760 hours.");
  EXPECT_EQ(spec("orders")->retention, std::chrono::hours{48});
}

TEST_F(StreamOperationsTest, SettingsAreKept) {
  create("orders", 1);
  ASSERT_TRUE(operations_->set_max_record_kib("orders", 2048));
  ASSERT_TRUE(operations_->set_warm_throughput("orders", 100));
  ASSERT_TRUE(operations_->set_encryption("orders", "alias/aws/kinesis"));
  auto metrics = operations_->enable_shard_metrics(
      "orders", {ShardMetric::incoming_bytes, ShardMetric::iterator_age});
  ASSERT_TRUE(metrics);
  EXPECT_THAT(metrics->before, IsEmpty());
  metrics = operations_->disable_shard_metrics("orders", {ShardMetric::incoming_bytes});
  ASSERT_TRUE(metrics);
  EXPECT_THAT(metrics->before, SizeIs(2));
  EXPECT_THAT(metrics->after, ElementsAre(ShardMetric::iterator_age));
  restart();
  auto kept = spec("orders");
  EXPECT_EQ(kept->max_record_kib, 2048u);
  EXPECT_EQ(kept->warm_throughput_mibps, 100u);
  EXPECT_EQ(kept->kms_key_id, "alias/aws/kinesis");
  EXPECT_THAT(kept->shard_metrics, ElementsAre(ShardMetric::iterator_age));
  ASSERT_TRUE(operations_->set_encryption("orders", std::nullopt));
  EXPECT_EQ(spec("orders")->kms_key_id, "");
}

TEST_F(StreamOperationsTest, ConsumersAreRegisteredOnceUpToTheLimit) {
  create("orders", 1);
  auto added = operations_->register_consumer("orders", "m", {{"k", "v"}});
  ASSERT_TRUE(added);
  EXPECT_EQ(added->created_seconds, 1700000000);
  EXPECT_EQ(operations_->register_consumer("orders", "m", {}).error().fault, Fault::conflict);
  for (std::size_t i = 1; i < consumers_max; ++i)
    ASSERT_TRUE(operations_->register_consumer(
        "orders", std::string(1, static_cast<char>('a' + i - 1 + (i > 12))), {}));
  EXPECT_EQ(operations_->register_consumer("orders", "z", {}).error().fault, Fault::full);
  auto kept = spec("orders");
  EXPECT_TRUE(std::is_sorted(kept->consumers.begin(), kept->consumers.end(),
                             [](auto& a, auto& b) { return a.name < b.name; }));

  int woken = 0;
  auto waiting = streams_->find("orders")->when_readable(0, 0, [&] { ++woken; });
  expect_refused(operations_->deregister_consumer({"orders", "m", 1}), Fault::not_found, "m");
  EXPECT_EQ(woken, 0);
  ASSERT_TRUE(operations_->deregister_consumer({"orders", "m", 1700000000}));
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(row("orders").find_consumer("m"), nullptr);
}

TEST_F(StreamOperationsTest, TagsAndPoliciesBelongToStreamsAndConsumersAlike) {
  create("orders", 1);
  ASSERT_TRUE(operations_->register_consumer("orders", "c", {}));
  for (const StreamOperations::Resource& resource :
       {StreamOperations::Resource{"orders", "", {}},
        StreamOperations::Resource{"orders", "c", {}}}) {
    ASSERT_TRUE(operations_->add_tags(resource, {{"a", "1"}, {"b", "2"}}));
    ASSERT_TRUE(operations_->remove_tags(resource, {"a", "unknown"}));
    expect_refused(operations_->delete_policy(resource), Fault::not_found, "no resource policy");
    ASSERT_TRUE(operations_->put_policy(resource, "{}"));
  }
  stream::Tags many;
  for (std::size_t i = 0; i < tags_max; ++i) many["key" + std::to_string(i)] = "";
  expect_refused(operations_->add_tags({"orders", "", {}}, many), Fault::invalid, "50 tags");
  auto kept = row("orders");
  EXPECT_THAT(kept.tags, ElementsAre(testing::Pair("b", "2")));
  EXPECT_THAT(kept.consumers.at(0).tags, ElementsAre(testing::Pair("b", "2")));
  EXPECT_EQ(kept.policy, "{}");
  EXPECT_EQ(kept.consumers.at(0).policy, "{}");
  ASSERT_TRUE(operations_->delete_policy({"orders", "c", {}}));
  EXPECT_EQ(row("orders").consumers.at(0).policy, "");
  expect_refused(operations_->put_policy({"orders", "x", {}}, "{}"), Fault::not_found, "x");
}

TEST_F(StreamOperationsTest, AStreamThatIsUsedIsNotRemoved) {
  create("orders", 1);
  ASSERT_TRUE(catalog_->put(task_spec("products", "orders"), Origin::api));
  auto refused = operations_->remove("orders", Consumers::keep);
  expect_refused(refused, Fault::conflict, "task products");
  EXPECT_NE(streams_->find("orders"), nullptr);
  ASSERT_TRUE(catalog_->remove(Catalog::Kind::task, "products"));

  ASSERT_TRUE(operations_->register_consumer("orders", "c", {}));
  expect_refused(operations_->remove("orders", Consumers::keep), Fault::conflict, "consumers");
  ASSERT_TRUE(operations_->remove("orders", Consumers::remove));
  EXPECT_EQ(streams_->find("orders"), nullptr);
  EXPECT_THAT(folders(), IsEmpty());
  EXPECT_THAT(*catalog_->deletions(), IsEmpty());
  expect_refused(operations_->remove("orders", Consumers::remove), Fault::not_found, "orders");
}

TEST_F(StreamOperationsTest, ADeletionThatWasCutShortIsFinishedAndItsNameIsFreeMeanwhile) {
  create("orders", 1);
  put("orders", "a");
  auto old = *spec("orders");
  // A kill between the catalogue's transaction and the deletion of the folder.
  ASSERT_TRUE(catalog_->remove(Catalog::Kind::stream, "orders"));
  restart();
  EXPECT_EQ(streams_->find("orders"), nullptr);
  EXPECT_THAT(folders(), SizeIs(1));
  create("orders", 1);
  put("orders", "a");

  ASSERT_TRUE(operations_->tidy());

  EXPECT_THAT(folders(), SizeIs(1));
  EXPECT_NE(spec("orders")->incarnation, old.incarnation);
  EXPECT_EQ(streams_->find("orders")->latest(0), 1u);
  EXPECT_THAT(*catalog_->deletions(), IsEmpty());
}

TEST_F(StreamOperationsTest, TidyingTakesExpiredShardsOutOfTheRow) {
  create("orders", 1);
  ASSERT_TRUE(operations_->update_shard_count("orders", 2));
  ASSERT_TRUE(operations_->tidy());
  EXPECT_THAT(row("orders").shards, SizeIs(3));
  clock_.step(std::chrono::hours{25});
  ASSERT_TRUE(operations_->tidy());
  EXPECT_THAT(row("orders").shards, SizeIs(2));
  EXPECT_EQ(row("orders").shards.at(0).parent, 0u) << "children still name it";
  ASSERT_TRUE(operations_->update_shard_count("orders", 1));
  EXPECT_EQ(row("orders").shards.back().number, 3u) << "a number is given once";
}

TEST_F(StreamOperationsTest, TheIteratorKeyOutlivesARestart) {
  auto key = operations_->iterator_key();
  ASSERT_TRUE(key);
  EXPECT_EQ(key->size(), 32u);
  EXPECT_EQ(*operations_->iterator_key(), *key);
  restart();
  EXPECT_EQ(*operations_->iterator_key(), *key);
}

TEST_F(StreamOperationsTest, AnIteratorKeyThatWasKeptIsReadInEitherCase) {
  std::string digits = "00fF";
  for (int i = 0; i < 30; ++i) digits += "4a";
  ASSERT_TRUE(catalog_->set_setting("iterator_key", digits));
  EXPECT_EQ(operations_->iterator_key().value(), std::string("\0\xff", 2) + std::string(30, 'J'));
}

TEST_F(StreamOperationsTest, ADamagedIteratorKeyIsReportedAndKept) {
  const std::string whole(64, 'a');
  for (const std::string& damaged : {std::string(), whole.substr(1), whole.substr(2), whole + "aa",
                                     "zz" + whole.substr(2), " a" + whole.substr(2)}) {
    ASSERT_TRUE(catalog_->set_setting("iterator_key", damaged));
    auto key = operations_->iterator_key();
    ASSERT_FALSE(key) << damaged;
    EXPECT_EQ(key.error().fault, Fault::corrupt);
    EXPECT_THAT(key.error().message, HasSubstr("the setting iterator_key"));
    EXPECT_EQ(catalog_->setting("iterator_key").value(), damaged);
  }
}

TEST_F(StreamOperationsTest, TheThroughputCommitmentOutlivesARestart) {
  EXPECT_EQ(operations_->throughput_commitment()->started_ms, 0);
  auto asked = operations_->ask_throughput_commitment(true);
  ASSERT_TRUE(asked);
  EXPECT_NE(asked->started_ms, 0);
  ASSERT_TRUE(operations_->ask_throughput_commitment(false));
  restart();
  auto kept = operations_->throughput_commitment();
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->started_ms, asked->started_ms);
  EXPECT_TRUE(kept->end_asked_ms);
}

TEST_F(StreamOperationsTest, ADamagedCommitmentIsToldAndKept) {
  ASSERT_TRUE(catalog_->set_setting("throughput_commitment", "12 x"));
  ASSERT_FALSE(operations_->ask_throughput_commitment(true));
  EXPECT_EQ(operations_->throughput_commitment().error().fault, Fault::corrupt);
  EXPECT_EQ(*catalog_->setting("throughput_commitment"), "12 x");
}

// A power cut before any change to the files while a stream is resharded again and again: the
// catalogue file survives as it is, of the log what was not synced may be gone.
TEST_F(StreamOperationsTest, APowerCutAtAnyStepOfReshardingLosesNothingThatWasAcknowledged) {
  for (std::uint64_t step = 0; step < 60; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    std::string name = "s" + std::to_string(step);
    create(name, 2);
    std::map<std::string, int> acknowledged, at_cut;
    disk_->take_image_at_change(step, step);
    stream::StreamSpec row_at_cut;
    std::unique_ptr<MemoryDirectory> image;
    for (int i = 0; i < 12; ++i) {
      auto before = acknowledged;
      auto row_before = row(name);
      for (const char* key : {"a", "b", "k1"}) {
        put(name, key);
        ++acknowledged[key];
        if (!image && (image = disk_->taken_image())) {
          at_cut = before;
          row_at_cut = row(name);
        }
        before = acknowledged;
      }
      ASSERT_TRUE(operations_->update_shard_count(name, i % 3 + 1));
      if (!image && (image = disk_->taken_image())) {
        at_cut = acknowledged;
        row_at_cut = row(name);
      }
    }
    if (!image) break;

    // Or the cut came after the next resharding was in the catalogue, before the stream took it.
    auto row_of_the_next = row_at_cut;
    stream::scale(row_of_the_next, 5, 1'700'000'000'000);
    for (const auto& spec : {row_at_cut, row_of_the_next}) {
      auto disk = image->after_kill();
      stream::Streams after(*disk, clock_);
      auto opened = after.open(spec);
      ASSERT_TRUE(opened) << opened.error().message;
      std::map<std::string, int> found;
      for (const stream::Shard& shard : (*opened)->shards()) {
        auto read = (*opened)->read(shard.number, 0, 1000, 1 << 20);
        ASSERT_TRUE(read) << read.error().message;
        EXPECT_EQ(read->ended, !shard.is_open());
        for (const auto& record : read->records.records) {
          EXPECT_TRUE(shard.range.contains(hash_key_of(record.partition_key)));
          ++found[std::string(record.partition_key)];
        }
      }
      for (const auto& [key, count] : at_cut) EXPECT_GE(found[key], count) << key;
    }
    ASSERT_TRUE(operations_->remove(name, Consumers::keep));
  }
}

}  // namespace
}  // namespace tailrace::catalog
