#include "capture/change_writer.h"

#include <gtest/gtest.h>

#include <latch>
#include <memory>
#include <string>
#include <vector>

#include "base/memory_directory.h"
#include "capture/drain.h"
#include "stream/streams.h"
#include "stream/testing/resharding.h"

namespace tailrace::capture {
namespace {

using namespace std::chrono_literals;

// A task's writer over a stream in memory, and the verbs of a transaction.
class ChangeWriterTest : public testing::Test {
 protected:
  ChangeWriterTest() {
    spec_.name = "shop";
    spec_.stream = "changes";
    spec_.message_format = envelope::Format::flat;
    spec_.table_mappings = mappings_.json();
    source_ = {"shop", "db", "15", generation_};
    open_stream();
    make_writer(Position{generation_, Lsn{100}, {}, 0});
  }

  void open_stream() {
    streams_ = std::make_unique<stream::Streams>(*disk_, clock_);
    stream::StreamSpec spec;
    spec.name = "changes";
    spec.incarnation = 7;
    spec.shards = stream::initial_shards(3, 0);
    spec.sync = sync_;
    auto opened = streams_->open(spec);
    ASSERT_TRUE(opened) << opened.error().message;
    stream_ = *opened;
  }

  // As after a power cut: what was not synced may be gone, in part or whole.
  void crash() {
    auto left = disk_->after_power_cut(++crashes_);
    forget();
    disk_ = std::move(left);
    open_stream();
  }

  void forget() {
    writer_.reset();
    aside_.reset();
    stream_.reset();
    streams_.reset();
  }

  void open_with(log::Sync sync) {
    forget();
    sync_ = sync;
    open_stream();
    make_writer(Position{generation_, Lsn{100}, {}, 0});
  }

  void make_writer(Position position) {
    board_.put(1, "public", "items", TableState::streaming);
    writer_ = std::make_unique<ChangeWriter>(
        spec_, mappings_, source_, *stream_, board_, clock_, position,
        ChangeWriter::Hooks{[] { return Result<void>(); },
                            [](std::uint32_t) {
                              return Result<std::vector<std::string>>(std::vector<std::string>{});
                            }});
    pgoutput::Relation relation{
        1, "public", "items", 'd', {{"id", 23, -1, true, ""}, {"name", 25, -1, false, ""}}};
    auto known = writer_->relation(relation);
    ASSERT_TRUE(known);
    table_ = *known;
    ASSERT_NE(table_, nullptr);
  }

  void begin(std::uint64_t commit) {
    transaction_ = {static_cast<std::uint32_t>(commit), Lsn{commit}, UnixMicros{}};
    ordinal_ = 0;
    auto wanted = writer_->begin(transaction_);
    ASSERT_TRUE(wanted);
    wanted_ = *wanted;
  }

  void insert(const std::string& id, const std::string& name = "n") {
    Value after[] = {{Value::State::text, id}, {Value::State::text, name}};
    give({.operation = Operation::insert, .table = table_, .after = after});
  }

  void change_key(const std::string& from, const std::string& to) {
    Value before[] = {{Value::State::text, from}, {Value::State::absent, {}}};
    Value after[] = {{Value::State::text, to}, {Value::State::text, "n"}};
    give({.operation = Operation::update, .table = table_, .before = before, .after = after});
  }

  void truncate() { give({.operation = Operation::truncate, .table = table_}); }

  void give(Change change) {
    change.ordinal = ++ordinal_;
    if (!wanted_) return;
    ASSERT_TRUE(writer_->change(transaction_, change));
  }

  void commit(std::uint64_t end) {
    ASSERT_TRUE(writer_->commit(wanted_ ? &transaction_ : nullptr, Lsn{end}));
  }

  void flush() {
    ASSERT_TRUE(writer_->flush());
    auto settled = writer_->wait_settled(5s);
    ASSERT_TRUE(settled) << settled.error().message;
  }

  // "I 7", "D 7": what every shard holds, in its order, shard after shard.
  std::vector<std::string> messages() {
    std::vector<std::string> all;
    for (const auto& shard : stream_->spec()->shards) {
      auto read = stream_->log().read(shard.number, 0, 100000, 100 << 20);
      EXPECT_TRUE(read);
      for (const auto& record : read->records) {
        std::string text(record.payload);
        auto id = text.find("\"id\":");
        std::string row = id == std::string::npos
                              ? ""
                              : " " + text.substr(id + 5, text.find_first_of(",}", id) - id - 5);
        all.push_back(text.substr(7, 1) + row);
      }
    }
    return all;
  }

  std::size_t count() { return messages().size(); }

  // That hold a message of this operation.
  std::vector<ShardNumber> shards_of(const std::string& operation) {
    std::vector<ShardNumber> shards;
    for (const auto& shard : stream_->spec()->shards) {
      auto read = stream_->log().read(shard.number, 0, 100000, 100 << 20);
      EXPECT_TRUE(read);
      for (const auto& record : read->records)
        if (record.payload.substr(7, 1) == operation) shards.push_back(shard.number);
    }
    return shards;
  }

  void split(ShardNumber shard) { stream::testing::split(*stream_, shard, 1000); }
  void merge(ShardNumber shard, ShardNumber adjacent) {
    stream::testing::merge(*stream_, shard, adjacent, 1000);
  }

  Position stored() {
    auto progress = read_progress(stream_->log(), "shop");
    EXPECT_TRUE(progress && progress->position);
    return *progress->position;
  }

  void write_aside() {
    auto aside = Aside::open(*disk_, 7, "shop", clock_);
    ASSERT_TRUE(aside) << aside.error().message;
    aside_ = std::move(*aside);
    writer_->write_aside(*aside_);
  }

  Generation generation_{42, 1, Lsn{100}};
  SystemClock clock_;
  std::unique_ptr<MemoryDirectory> disk_ = std::make_unique<MemoryDirectory>();
  std::uint64_t crashes_ = 0;
  TaskSpec spec_;
  rules::Mappings mappings_ = rules::Mappings::everything();
  envelope::Source source_;
  TableBoard board_;
  AppendHooks hooks_{[] { return Result<void>(); }};
  std::unique_ptr<stream::Streams> streams_;
  std::shared_ptr<stream::Stream> stream_;
  std::unique_ptr<Aside> aside_;
  log::Sync sync_ = log::Sync::always;
  std::unique_ptr<ChangeWriter> writer_;
  const Table* table_ = nullptr;
  Transaction transaction_;
  std::uint64_t ordinal_ = 0;
  bool wanted_ = false;
};

}  // namespace

TEST_F(ChangeWriterTest, RowsAndPositionBecomeDurableTogether) {
  begin(200);
  insert("1");
  commit(210);
  EXPECT_EQ(writer_->durable(), Lsn{100}) << "nothing may be acknowledged before its fsync";

  flush();

  EXPECT_EQ(writer_->durable(), Lsn{210});
  EXPECT_EQ(stored(), (Position{generation_, Lsn{210}, {}, 0}));
  EXPECT_EQ(messages(), std::vector<std::string>{"I 1"});
}

TEST_F(ChangeWriterTest, WithSyncIntervalNothingMayBeAcknowledgedBeforeItsSync) {
  open_with(log::Sync::interval);
  begin(200);
  insert("1");
  commit(210);
  flush();
  std::latch go_on(1);
  disk_->on_sync([&] { go_on.wait(); });

  begin(220);
  insert("2");
  commit(230);
  ASSERT_TRUE(writer_->flush());
  log::StreamLog& log = stream_->log();
  auto readable = log.wait_durable(log.appended(), 5s);
  writer_->settle();
  Lsn before_the_sync = writer_->durable();
  bool synced_too_soon = log.synced() >= log.appended();
  auto too_long = writer_->wait_settled(1ms);
  go_on.count_down();
  disk_->on_sync(nullptr);
  flush();

  EXPECT_TRUE(readable);
  EXPECT_FALSE(synced_too_soon);
  EXPECT_EQ(before_the_sync, Lsn{210});
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().fault, Fault::timeout);
  EXPECT_EQ(writer_->durable(), Lsn{230});
}

TEST_F(ChangeWriterTest, WhatIsNeverSyncedEndsTheWaitForIt) {
  open_with(log::Sync::interval);
  begin(200);
  insert("1");
  commit(210);
  flush();
  disk_->fail_sync(0);

  begin(220);
  insert("2");
  commit(230);
  ASSERT_TRUE(writer_->flush());
  auto settled = writer_->wait_settled(5s);

  ASSERT_FALSE(settled);
  EXPECT_EQ(settled.error().fault, Fault::fenced);
  EXPECT_EQ(writer_->durable(), Lsn{210});
}

TEST_F(ChangeWriterTest, WithSyncIntervalAPowerCutTakesNothingThatMayBeAcknowledged) {
  open_with(log::Sync::interval);
  for (std::uint64_t commit = 200; commit < 300; commit += 10) {
    begin(commit);
    insert(std::to_string(commit));
    this->commit(commit + 5);
    flush();
    Lsn acknowledged = writer_->durable();
    crash();
    EXPECT_GE(stored().end, acknowledged);
    make_writer(stored());
  }
}

TEST_F(ChangeWriterTest, ATransactionThatTheLogHasIsNotWrittenAgain) {
  begin(200);
  insert("1");
  commit(210);
  flush();
  crash();
  make_writer(stored());

  begin(200);
  EXPECT_FALSE(wanted_);
  commit(210);
  begin(220);
  insert("2");
  commit(230);
  flush();

  EXPECT_EQ(count(), 2u);
}

TEST_F(ChangeWriterTest, ATransactionCutInTwoByACrashGoesOnWhereItWasCut) {
  begin(200);
  const std::string large(10000, 'x');
  for (int i = 1; i <= 300; ++i) insert(std::to_string(i), large);
  // Over a mebibyte of it has been appended by now, the rest is lost with the process.
  auto waited = stream_->log().wait_durable(1, 5s);
  ASSERT_TRUE(waited);
  crash();
  Position position = stored();
  EXPECT_EQ(position.end, Lsn{100}) << "the transaction is not whole yet";
  EXPECT_EQ(position.commit, Lsn{200});
  EXPECT_GT(position.ordinal, 50u);
  EXPECT_LT(position.ordinal, 300u);

  make_writer(position);
  begin(200);
  for (int i = 1; i <= 300; ++i) insert(std::to_string(i), large);
  commit(210);
  flush();

  auto all = messages();
  EXPECT_EQ(all.size(), 300u);
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 300u);
}

TEST_F(ChangeWriterTest, AnEarlierTransactionDoesNotEndTheOneThatWasCut) {
  make_writer(Position{generation_, Lsn{100}, Lsn{200}, 1});
  ASSERT_TRUE(writer_->commit(nullptr, Lsn{160}));

  begin(200);
  insert("1");
  insert("2");
  commit(210);
  flush();

  EXPECT_EQ(messages(), std::vector<std::string>{"I 2"});
}

TEST_F(ChangeWriterTest, AChangeOfTheKeyIsTwoMessages) {
  begin(200);
  change_key("1", "2");
  commit(210);
  flush();

  auto all = messages();
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (std::vector<std::string>{"D 1", "I 2"}));
}

TEST_F(ChangeWriterTest, ATruncateStandsInEveryShard) {
  begin(200);
  truncate();
  commit(210);
  flush();

  EXPECT_EQ(messages(), (std::vector<std::string>{"T", "T", "T"}));
}

TEST_F(ChangeWriterTest, ATruncateStandsInEveryShardThatIsOpenWhenItIsAppended) {
  begin(200);
  truncate();
  split(0);
  merge(1, 2);
  commit(210);
  flush();

  EXPECT_EQ(shards_of("T"), (std::vector<ShardNumber>{3, 4, 5}));
}

TEST_F(ChangeWriterTest, ATransactionGoesOverAReshardInItsMiddle) {
  begin(200);
  const std::string large(10000, 'x');
  for (int i = 1; i <= 150; ++i) insert(std::to_string(i), large);
  // Over a mebibyte of it has been appended by now, and more is routed to the old shards.
  split(0);
  merge(1, 2);
  for (int i = 1; i <= 300; ++i) insert(std::to_string(i), large);
  commit(210);
  flush();

  auto all = messages();
  EXPECT_EQ(all.size(), 450u);
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 300u);
  // What came behind the split was routed anew, also what was in the batch by then.
  auto closed_at = stream_->latest(0) + stream_->latest(1) + stream_->latest(2);
  EXPECT_GT(closed_at, 50u);
  EXPECT_LT(closed_at, 150u);
  EXPECT_EQ(stored(), (Position{generation_, Lsn{210}, {}, 0}));
}

TEST_F(ChangeWriterTest, ChangesFromBeforeATablesLoadArePartOfIt) {
  writer_->set_loads({{1, LoadMark{Lsn{300}, 5}}}, {});
  begin(200);
  insert("1");
  commit(210);
  begin(300);
  insert("2");
  commit(310);
  flush();

  EXPECT_EQ(messages(), std::vector<std::string>{"I 2"});
}

TEST_F(ChangeWriterTest, AnIdleAdvanceIsDurableBeforeItMayBeAcknowledged) {
  ASSERT_TRUE(writer_->advance(Lsn{500}));
  flush();

  EXPECT_EQ(writer_->durable(), Lsn{500});
  crash();
  EXPECT_EQ(stored().end, Lsn{500});
}

TEST_F(ChangeWriterTest, WhatWaitedAsideEntersTheStreamOnceWhereverItIsCut) {
  // However far a first drain comes before the crash, the second finishes it without a repetition.
  for (int steps = 0; steps < 4; ++steps) {
    SCOPED_TRACE(steps);
    forget();
    disk_ = std::make_unique<MemoryDirectory>();
    open_stream();
    Position start{generation_, Lsn{100}, {}, 0};
    make_writer(start);
    write_aside();
    const std::string large(20000, 'x');
    begin(200);
    change_key("1000", "1001");
    for (int i = 1; i <= 200; ++i) insert(std::to_string(i), large);
    change_key("2000", "2001");
    truncate();
    commit(210);
    begin(220);
    insert("3000");
    commit(230);
    flush();
    EXPECT_EQ(writer_->durable(), Lsn{230}) << "aside is durable too";
    EXPECT_EQ(count(), 0u);

    {
      Drain drain("shop", *aside_, *stream_, start, {}, {});
      for (int step = 0; step < steps; ++step) ASSERT_TRUE(drain.step(hooks_));
      ASSERT_TRUE(drain.wait_durable(5s));
    }
    crash();
    auto progress = read_progress(stream_->log(), "shop");
    ASSERT_TRUE(progress);
    auto aside = Aside::open(*disk_, 7, "shop", clock_);
    ASSERT_TRUE(aside);
    auto kept = (*aside)->position();
    ASSERT_TRUE(kept && *kept);
    EXPECT_EQ((*kept)->end, Lsn{230});
    Drain again("shop", **aside, *stream_, progress->position.value_or(start), {}, {});
    for (;;) {
      auto more = again.step(hooks_);
      ASSERT_TRUE(more) << more.error().message;
      if (!*more) break;
    }
    ASSERT_TRUE(again.wait_durable(5s));

    auto all = messages();
    EXPECT_EQ(all.size(), 2u + 200 + 2 + 3 + 1);
    all.erase(std::remove(all.begin(), all.end(), "T"), all.end());
    EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 205u);
    EXPECT_EQ(stored().end, Lsn{230});
  }
}

TEST_F(ChangeWriterTest, WhatWaitedAsideEntersTheStreamOnceWhileItIsResharded) {
  write_aside();
  const std::string large(20000, 'x');
  begin(200);
  for (int i = 1; i <= 200; ++i) insert(std::to_string(i), large);
  truncate();
  commit(210);
  flush();

  Drain drain("shop", *aside_, *stream_, Position{generation_, Lsn{100}, {}, 0}, {}, {});
  ShardNumber splittable = 0;
  for (;;) {
    auto more = drain.step(hooks_);
    ASSERT_TRUE(more) << more.error().message;
    if (!*more) break;
    split(splittable);
    splittable = stream_->spec()->shards.back().number;
  }
  ASSERT_TRUE(drain.wait_durable(5s));

  auto all = messages();
  auto truncates = std::erase(all, "T");
  EXPECT_EQ(all.size(), 200u);
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 200u);
  EXPECT_EQ(static_cast<std::size_t>(truncates), stream_->open_shards().size());
  EXPECT_EQ(stored().end, Lsn{210});
}

TEST_F(ChangeWriterTest, ADrainLeavesOutWhatALoadCovers) {
  write_aside();
  begin(200);
  insert("1");
  commit(210);
  begin(300);
  insert("2");
  commit(310);
  flush();

  Drain drain("shop", *aside_, *stream_, Position{generation_, Lsn{100}, {}, 0},
              {{1, LoadMark{Lsn{300}, 1}}}, {});
  while (*drain.step(hooks_)) {
  }
  ASSERT_TRUE(drain.wait_durable(5s));

  EXPECT_EQ(messages(), std::vector<std::string>{"I 2"});
  EXPECT_EQ(stored().end, Lsn{310});
}

TEST_F(ChangeWriterTest, ProgressGivesBackWhatWasMarkedAndForgetsWhatWasTakenBack) {
  Position position{{42, 3, Lsn{7}}, Lsn{100}, Lsn{99}, 5};
  auto append_durably = [&](stream::Batch& batch) {
    auto appended = stream_->append(batch, 1s);
    return appended && stream_->log().wait_durable(appended->ticket, 5s);
  };
  auto batch = stream_->begin_batch();
  mark_position(batch, "a", position);
  mark_creating_slot(batch, "a", "slot_a");
  mark_load(batch, "a", 17, {Lsn{50}, 1000});
  mark_position(batch, "ab", Position{});
  ASSERT_TRUE(append_durably(batch));

  auto progress = read_progress(stream_->log(), "a");
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->position, position);
  EXPECT_EQ(progress->creating_slot, "slot_a");
  ASSERT_EQ(progress->loads.size(), 1u);
  EXPECT_EQ(progress->loads.at(17).snapshot, Lsn{50});
  EXPECT_EQ(progress->loads.at(17).rows, 1000u);

  auto forget = stream_->begin_batch();
  mark_forgotten(forget, "a", *progress);
  ASSERT_TRUE(append_durably(forget));
  progress = read_progress(stream_->log(), "a");
  ASSERT_TRUE(progress);
  EXPECT_FALSE(progress->position || progress->creating_slot);
  EXPECT_TRUE(progress->loads.empty());
}

}  // namespace tailrace::capture
