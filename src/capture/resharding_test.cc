#include "stream/testing/resharding.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/memory_directory.h"
#include "capture/task.h"
#include "pg/testing/postgres_server.h"
#include "rules/mappings.h"
#include "stream/streams.h"

// A task that loads, drains and streams while its stream is split and merged all the time.

namespace tailrace::capture {
namespace {

using namespace std::chrono_literals;
using pg::testing::run;

constexpr int rows = 20000;
constexpr std::size_t open_shards_max = 8;
constexpr int reshards_max = 400;

class ReshardingTest : public testing::Test {
 protected:
  ReshardingTest() {
    spdlog::set_level(spdlog::level::off);
    auto started = pg::testing::PostgresServer::start();
    EXPECT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
    sql_ = pg::testing::connect(server_->uri());
    stream::StreamSpec spec;
    spec.name = "changes";
    spec.incarnation = 7;
    spec.shards = stream::initial_shards(2, 0);
    stream_ = streams_.open(spec).value();
  }

  std::unique_ptr<Task> make_task() {
    TaskSpec spec;
    spec.name = "shop";
    spec.source = server_->uri();
    spec.table_mappings = rules::Mappings::everything().json();
    spec.stream = "changes";
    spec.message_format = envelope::Format::flat;
    spec.slot = spec.publication = "tailrace_shop";
    return Task::make(spec, stream_, folder_.subdirectory("task").value(), clock_);
  }

  // Splits or merges once after every group that becomes durable.
  void reshard_until(const std::atomic<bool>& over, std::uint32_t seed) {
    std::minstd_rand random(seed);
    log::StreamLog& log = stream_->log();
    for (int done = 0; !over && done < reshards_max;) {
      if (!log.wait_durable(log.durable() + 1, 10ms)) continue;
      auto open = stream_->open_shards();
      std::size_t at = random() % open.size();
      bool splits = open.size() == 1 || (open.size() < open_shards_max && random() % 2 == 0);
      if (splits) {
        stream::testing::split(*stream_, open[at].number, 1000 + done);
      } else {
        if (at + 1 == open.size()) --at;
        stream::testing::merge(*stream_, open[at].number, open[at + 1].number, 1000 + done);
      }
      ++done;
    }
  }

  static std::string field(std::string_view message, const std::string& name) {
    auto at = message.find("\"" + name + "\":");
    if (at == std::string_view::npos) return {};
    message.remove_prefix(at + name.size() + 3);
    return std::string(message.substr(0, message.find_first_of(",}")));
  }

  SystemClock clock_;
  MemoryDirectory disk_, folder_;
  std::unique_ptr<pg::testing::PostgresServer> server_;
  std::unique_ptr<pg::Connection> sql_;
  stream::Streams streams_{disk_, clock_};
  std::shared_ptr<stream::Stream> stream_;
};

TEST_F(ReshardingTest, EveryRowAndChangeIsInTheStreamOnceAndInOrder) {
  auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  run(*sql_, "CREATE TABLE items (id int PRIMARY KEY, version int NOT NULL, filling text)");
  run(*sql_, "INSERT INTO items SELECT i, 0, repeat('x', 200) FROM generate_series(1, " +
                 std::to_string(rows) + ") i");
  std::atomic<bool> over{false};
  std::thread resharding([&] { reshard_until(over, seed); });
  auto task = make_task();
  task->start();

  // While the table is loaded, while what waited aside is drained, and afterwards; one transaction
  // is too large for a batch.
  auto update = [&](int modulus, int remainder) {
    run(*sql_, "UPDATE items SET version = version + 1 WHERE id % " + std::to_string(modulus) +
                   " = " + std::to_string(remainder));
  };
  int transactions = 0;
  auto deadline = std::chrono::steady_clock::now() + 60s;
  while (task->status().state != TaskState::running && std::chrono::steady_clock::now() < deadline)
    update(50, ++transactions % 50);
  EXPECT_EQ(task->status().state, TaskState::running);
  update(1, 0);
  for (int i = 0; i < 20; ++i) update(50, i);
  auto end = parse_lsn(run(*sql_, "SELECT pg_current_wal_insert_lsn()").text(0, 0));
  auto durable = task->wait_durable(*end, 60s);
  over = true;
  resharding.join();
  ASSERT_TRUE(durable) << durable.error().message;
  task->stop();

  // A shard has a smaller number than what it became, so each key is met in its order.
  std::map<int, int> versions;
  std::map<ShardNumber, int> completions;
  auto spec = stream_->spec();
  for (const stream::Shard& shard : spec->shards) {
    auto read = stream_->log().read(shard.number, 0, SIZE_MAX, SIZE_MAX);
    ASSERT_TRUE(read) << read.error().message;
    for (const auto& record : read->records) {
      ASSERT_TRUE(shard.range.contains(hash_key_of(record.partition_key)) ||
                  record.payload.starts_with("{\"op\":\"C"));
      if (record.payload.starts_with("{\"op\":\"C")) {
        ++completions[shard.number];
        continue;
      }
      int id = std::stoi(field(record.payload, "id"));
      int version = std::stoi(field(record.payload, "version"));
      auto [known, is_new] = versions.emplace(id, version);
      ASSERT_EQ(is_new, record.payload.starts_with("{\"op\":\"I")) << record.payload;
      if (is_new) continue;
      ASSERT_EQ(version, ++known->second) << record.payload;
    }
  }
  ASSERT_EQ(versions.size(), static_cast<std::size_t>(rows));
  auto final_versions = run(*sql_, "SELECT id, version FROM items");
  for (std::size_t row = 0; row < final_versions.rows.size(); ++row)
    ASSERT_EQ(versions[std::stoi(final_versions.text(row, 0))],
              std::stoi(final_versions.text(row, 1)));
  // Whoever follows a key meets the end of the load once.
  for (const auto& [id, version] : versions) {
    HashKey hash = hash_key_of("public.items." + std::to_string(id));
    int met = 0;
    for (const auto& [number, count] : completions)
      if (spec->find_shard(number)->range.contains(hash)) met += count;
    ASSERT_EQ(met, 1) << id;
  }
  EXPECT_GT(spec->shards.size(), 10u) << "the stream was not resharded";
}

}  // namespace
}  // namespace tailrace::capture
