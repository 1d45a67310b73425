#include "pg/replication_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "pg/catalog_queries.h"
#include "pg/testing/postgres_server.h"

namespace tailrace::pg {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::PostgresServer;
using testing::run;
using namespace std::chrono_literals;

using Options = std::vector<std::pair<std::string, std::string>>;
const Options plugin_options = {{"proto_version", "1"}, {"publication_names", "\"all\""}};

class ReplicationStreamTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = PostgresServer::start({"wal_sender_timeout = '2s'"});
    ASSERT_TRUE(started) << started.error().message;
    server = std::move(*started);
    auto sql = testing::connect(server->uri());
    run(*sql, "CREATE PUBLICATION \"all\" FOR ALL TABLES");
    run(*sql, "CREATE TABLE items (id int PRIMARY KEY, note text)");
  }
  static void TearDownTestSuite() { server.reset(); }

  ReplicationStreamTest() {
    auto made = create_slot(*testing::connect(server->uri(), Connection::Kind::replication), slot,
                            false, false);
    EXPECT_TRUE(made) << made.error().message;
  }
  ~ReplicationStreamTest() override {
    stream.reset();
    auto dropper = testing::connect(server->uri());
    while (true) {
      auto found = find_slot(*dropper, slot);
      if (!found || !*found || !(*found)->active) break;
      std::this_thread::yield();
    }
    EXPECT_TRUE(drop_slot(*dropper, slot));
  }

  Result<std::unique_ptr<ReplicationStream>> start(const std::string& name,
                                                   const Options& options = plugin_options) {
    return ReplicationStream::start(testing::connect(server->uri(), Connection::Kind::replication),
                                    name, Lsn{}, options);
  }

  void begin() {
    auto started = start(slot);
    ASSERT_TRUE(started) << started.error().message;
    stream = std::move(*started);
  }

  // The types of the next messages, up to the given number of commits.
  std::string types_until_commits(int commits) {
    std::string types;
    auto deadline = std::chrono::steady_clock::now() + 30s;
    while (std::chrono::steady_clock::now() < deadline) {
      while (auto message = stream->next()) {
        if (message->kind == StreamMessage::Kind::keepalive) continue;
        types += message->payload[0];
        if (message->payload[0] == 'C') {
          note_end_of(message->payload);
          if (--commits == 0) return types;
        }
      }
      auto filled = stream->fill(1000ms);
      if (!filled) return types + " " + filled.error().message;
    }
    return types + " and nothing more";
  }
  void note_end_of(std::string_view payload) {
    last_end = {};
    for (char byte : payload.substr(10, 8))
      last_end.value = last_end.value << 8 | static_cast<unsigned char>(byte);
  }

  Error failure_of_stream() {
    auto deadline = std::chrono::steady_clock::now() + 30s;
    while (std::chrono::steady_clock::now() < deadline) {
      while (stream->next()) {
      }
      if (auto filled = stream->fill(1000ms); !filled) return filled.error();
    }
    return {Fault::timeout, "the stream goes on"};
  }

  const std::string slot = "slot_of_this_test";
  std::unique_ptr<Connection> sql = testing::connect(server->uri());
  std::unique_ptr<ReplicationStream> stream;
  Lsn last_end;
  inline static std::unique_ptr<PostgresServer> server;
};

UnixMicros now() { return SystemClock().now(); }

TEST_F(ReplicationStreamTest, HandsOutTheMessagesOfCommittedTransactions) {
  begin();
  run(*sql, "INSERT INTO items VALUES (1, 'a'), (2, 'b')");
  run(*sql, "DELETE FROM items");
  EXPECT_EQ(types_until_commits(2), "BRIICBDDC");
  while (stream->next()) {
  }
  EXPECT_EQ(stream->buffered(), 0u);
}

TEST_F(ReplicationStreamTest, AcknowledgesWhatIsDurable) {
  begin();
  run(*sql, "TRUNCATE items");
  EXPECT_EQ(types_until_commits(1), "BRTC");
  ASSERT_TRUE(stream->send_status(last_end, now()));
  auto deadline = std::chrono::steady_clock::now() + 30s;
  std::optional<Lsn> confirmed;
  while (confirmed != last_end && std::chrono::steady_clock::now() < deadline) {
    auto found = find_slot(*sql, slot);
    ASSERT_TRUE(found && *found);
    EXPECT_TRUE((*found)->active);
    confirmed = (*found)->confirmed_flush;
  }
  EXPECT_EQ(confirmed, last_end);

  stream->stop(10s);
  EXPECT_FALSE(stream->fill(0ms));
  stream.reset();
  // What was acknowledged does not come again.
  begin();
  run(*sql, "INSERT INTO items VALUES (3, 'c')");
  EXPECT_EQ(types_until_commits(1), "BRIC");
}

TEST_F(ReplicationStreamTest, AnotherThreadEndsAWait) {
  begin();
  while (true) {
    while (stream->next()) {
    }
    auto filled = stream->fill(0ms);
    ASSERT_TRUE(filled);
    if (!*filled) break;
  }
  auto before = std::chrono::steady_clock::now();
  std::thread waker([&] { stream->wake(); });
  while (true) {
    auto filled = stream->fill(60s);
    ASSERT_TRUE(filled);
    if (!*filled) break;  // else a keepalive came first
    while (stream->next()) {
    }
  }
  EXPECT_LT(std::chrono::steady_clock::now() - before, 50s);
  waker.join();
}

TEST_F(ReplicationStreamTest, SaysThatTheSlotIsTaken) {
  begin();
  auto second = start(slot);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().fault, Fault::conflict);
  EXPECT_THAT(second.error().message, HasSubstr("(SQLSTATE 55006)"));
}

TEST_F(ReplicationStreamTest, SaysThatSlotOrPublicationAreMissing) {
  EXPECT_EQ(start("no_such_slot").error().fault, Fault::not_found);
  auto started =
      start(slot, {{"proto_version", "1"}, {"publication_names", "\"no such publication\""}});
  ASSERT_TRUE(started) << started.error().message;
  stream = std::move(*started);
  run(*sql, "INSERT INTO items VALUES (4, 'd')");
  if (sql->server_version() < 180000) {
    EXPECT_EQ(failure_of_stream().fault, Fault::not_found);
  }
}

TEST_F(ReplicationStreamTest, SaysThatTheServerEndedIt) {
  begin();
  run(*sql,
      "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '" +
          slot + "'");
  auto error = failure_of_stream();
  EXPECT_EQ(error.fault, Fault::unavailable);
  EXPECT_THAT(error.message, HasSubstr("57P01"));
}

// The server drops a client that is silent for its timeout of two seconds; and it asks before.
TEST_F(ReplicationStreamTest, ShowsKeepalivesThatAskForAnAnswer) {
  begin();
  auto deadline = std::chrono::steady_clock::now() + 30s;
  for (int asked = 0; asked < 3;) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    while (auto message = stream->next()) {
      if (message->kind != StreamMessage::Kind::keepalive || !message->reply_requested) continue;
      ++asked;
      EXPECT_GT(message->lsn, Lsn{});
      ASSERT_TRUE(stream->send_status(Lsn{}, now()));
    }
    auto filled = stream->fill(5s);
    ASSERT_TRUE(filled) << filled.error().message;
  }
}

// Nobody reads on the other side of either socket for a while.
TEST_F(ReplicationStreamTest, SendingAStatusNeverBlocks) {
  begin();
  auto pid =
      run(*sql, "SELECT active_pid FROM pg_replication_slots WHERE slot_name = '" + slot + "'")
          .text(0, 0);
  ASSERT_EQ(::kill(std::stoi(pid), SIGSTOP), 0);
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(stream->send_status(Lsn{1}, now()));
  ASSERT_EQ(::kill(std::stoi(pid), SIGCONT), 0);
  run(*sql, "INSERT INTO items VALUES (5, 'e')");
  EXPECT_EQ(types_until_commits(1), "BRIC");
}

TEST_F(ReplicationStreamTest, HandsOutManyRowsAndOneHugeOne) {
  begin();
  run(*sql, "INSERT INTO items SELECT i, 'x' FROM generate_series(1000, 50999) i");
  run(*sql, "INSERT INTO items VALUES (6, repeat('y', 9000000))");
  EXPECT_EQ(types_until_commits(2), "BR" + std::string(50'000, 'I') + "C" + "BIC");
}

}  // namespace
}  // namespace tailrace::pg
