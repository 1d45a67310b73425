#include "pg/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "base/unique_fd.h"
#include "pg/testing/postgres_server.h"

namespace tailrace::pg {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::PostgresServer;
using testing::run;

// Stands before a server and lets one connection through. Others find a peer that takes their
// connection and never says a word.
class BlackHole {
 public:
  explicit BlackHole(const std::string& server_folder)
      : folder_((std::filesystem::temp_directory_path() / "black_hole.XXXXXX").string()),
        listening_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        server_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (::mkdtemp(folder_.data()) == nullptr) std::abort();
    auto own = address(folder_), theirs = address(server_folder);
    bool ready = ::bind(listening_.get(), reinterpret_cast<sockaddr*>(&own), sizeof own) == 0 &&
                 ::listen(listening_.get(), 8) == 0 &&
                 ::connect(server_.get(), reinterpret_cast<sockaddr*>(&theirs), sizeof theirs) == 0;
    if (!ready) std::abort();
    thread_ = std::thread([this] {
      client_ = UniqueFd(::accept(listening_.get(), nullptr, nullptr));
      std::thread back([this] { pass(server_, client_); });
      pass(client_, server_);
      back.join();
    });
  }
  ~BlackHole() {
    ::shutdown(server_.get(), SHUT_RDWR);
    thread_.join();
    std::filesystem::remove_all(folder_);
  }
  std::string uri() const { return "postgresql://postgres@/postgres?host=" + folder_; }

 private:
  static sockaddr_un address(const std::string& folder) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (folder + "/.s.PGSQL.5432").copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
  }
  static void pass(const UniqueFd& from, const UniqueFd& to) {
    char bytes[4096];
    for (ssize_t count; (count = ::read(from.get(), bytes, sizeof bytes)) > 0;)
      if (::send(to.get(), bytes, static_cast<std::size_t>(count), MSG_NOSIGNAL) != count) break;
    ::shutdown(to.get(), SHUT_RDWR);
    ::shutdown(from.get(), SHUT_RDWR);
  }

  std::string folder_;
  UniqueFd listening_, server_, client_;
  std::thread thread_;
};

class ConnectionTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = PostgresServer::start();
    ASSERT_TRUE(started) << started.error().message;
    server = std::move(*started);
  }
  static void TearDownTestSuite() { server.reset(); }

  static Error refusal(const std::string& uri, Connection::Kind kind = Connection::Kind::sql) {
    Connection::Options options;
    options.uri = uri;
    options.kind = kind;
    auto connection = Connection::connect(options);
    return connection ? Error{Fault::internal, "connected"} : connection.error();
  }

  static std::vector<std::string> copied(Connection& connection, const std::string& sql) {
    std::vector<std::string> lines;
    auto done = connection.copy_out(sql, [&](std::string_view chunk) {
      lines.emplace_back(chunk);
      return Result<void>();
    });
    EXPECT_TRUE(done) << done.error().message;
    return lines;
  }

  std::unique_ptr<Connection> connection = testing::connect(server->uri());
  inline static std::unique_ptr<PostgresServer> server;
};

TEST_F(ConnectionTest, AnswersWithTextAndNulls) {
  auto rows =
      connection->query("SELECT $1::int + 1 AS n, NULL AS nothing, $2 AS said", {"41", "it's"});
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_THAT(rows->names, ElementsAre("n", "nothing", "said"));
  EXPECT_EQ(rows->text(0, 0), "42");
  EXPECT_EQ(rows->rows[0][1], std::nullopt);
  EXPECT_EQ(rows->text(0, 2), "it's");
  EXPECT_GE(connection->server_version(), 130000);
  EXPECT_THAT(connection->server_version_text(), HasSubstr("."));
}

TEST_F(ConnectionTest, TellsTheSqlstateOfAFailureAndGoesOn) {
  auto failed = connection->query("SELECT * FROM missing");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().fault, Fault::not_found);
  EXPECT_THAT(failed.error().message, ::testing::EndsWith("(SQLSTATE 42P01)"));
  EXPECT_EQ(run(*connection, "SELECT 1").text(0, 0), "1");
}

TEST_F(ConnectionTest, OutputDoesNotDependOnTheRole) {
  run(*connection, "CREATE ROLE odd LOGIN");
  for (const char* setting :
       {"DateStyle = 'German'", "IntervalStyle = 'iso_8601'", "TimeZone = 'Asia/Tokyo'",
        "bytea_output = 'escape'", "extra_float_digits = -5", "standard_conforming_strings = off",
        "statement_timeout = 1", "idle_session_timeout = 5000"})
    run(*connection, std::string("ALTER ROLE odd SET ") + setting);
  for (auto kind : {Connection::Kind::sql, Connection::Kind::replication}) {
    if (kind == Connection::Kind::replication) run(*connection, "ALTER ROLE odd REPLICATION");
    auto odd = testing::connect(server->uri("postgres", "odd"), kind);
    auto rows = run(*odd,
                    "SELECT '2020-01-02 03:04:05+00'::timestamptz, '1 day 02:03:04'::interval, "
                    "'\\xdead'::bytea, "
                    "0.1::float8 + 0.2, '1234.5'::money, 'back\\slash'");
    EXPECT_EQ(rows.text(0, 0), "2020-01-02 03:04:05+00");
    EXPECT_EQ(rows.text(0, 1), "1 day 02:03:04");
    EXPECT_EQ(rows.text(0, 2), "\\xdead");
    EXPECT_EQ(rows.text(0, 3), "0.30000000000000004");
    EXPECT_EQ(rows.text(0, 4), "$1,234.50");
    EXPECT_EQ(rows.text(0, 5), "back\\slash");
    EXPECT_EQ(run(*odd, "SHOW statement_timeout").text(0, 0), "0");
    EXPECT_EQ(run(*odd, "SHOW idle_session_timeout").text(0, 0), "0");
  }
}

TEST_F(ConnectionTest, SortsRefusalsByWhatToDoNext) {
  auto missing = refusal(server->uri("missing"));
  EXPECT_EQ(missing.fault, Fault::not_found);
  EXPECT_THAT(missing.message, HasSubstr("(SQLSTATE 3D000)"));
  EXPECT_EQ(refusal(server->uri("postgres", "nobody")).fault, Fault::denied);
  run(*connection, "CREATE ROLE plain LOGIN");
  EXPECT_EQ(refusal(server->uri("postgres", "plain"), Connection::Kind::replication).fault,
            Fault::denied);
  EXPECT_EQ(refusal("postgresql:///postgres?host=" + server->folder() + "/nowhere").fault,
            Fault::unavailable);
  EXPECT_EQ(refusal("postgresql:///postgres?hots=x").fault, Fault::invalid);
  EXPECT_EQ(refusal(server->uri() + "&sslmode=perhaps").fault, Fault::invalid);
}

TEST_F(ConnectionTest, RowSecurityIsAnErrorAndNotAHiddenRow) {
  run(*connection,
      "CREATE ROLE reader LOGIN; CREATE TABLE secrets (id int); INSERT INTO secrets VALUES (1);"
      "ALTER TABLE secrets ENABLE ROW LEVEL SECURITY; GRANT SELECT ON secrets TO reader");
  auto reader = testing::connect(server->uri("postgres", "reader"));
  auto read = reader->copy_out("COPY (SELECT * FROM secrets) TO STDOUT",
                               [](std::string_view) { return Result<void>(); });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().fault, Fault::denied);
}

TEST_F(ConnectionTest, CopiesOutInWholeLinesAndCanBeUsedAgain) {
  auto lines = copied(*connection, "COPY (VALUES (1, 'a\tb'), (2, NULL)) TO STDOUT");
  EXPECT_THAT(lines, ElementsAre("1\ta\\tb\n", "2\t\\N\n"));
  EXPECT_EQ(run(*connection, "SELECT 1").text(0, 0), "1");
  EXPECT_THAT(copied(*connection, "COPY (SELECT 1 WHERE false) TO STDOUT"), ElementsAre());
  EXPECT_EQ(connection->query("SELECT $1", {"again"})->text(0, 0), "again");
}

TEST_F(ConnectionTest, CopiesMoreThanAnyBufferHolds) {
  std::uint64_t rows = 0, bytes = 0;
  auto done = connection->copy_out(
      "COPY (SELECT i, repeat('x', i % 500) FROM generate_series(1, 100000) i) TO STDOUT",
      [&](std::string_view chunk) {
        ++rows;
        bytes += chunk.size();
        return Result<void>();
      });
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(rows, 100'000u);
  EXPECT_EQ(std::to_string(bytes), run(*connection,
                                       "SELECT sum(length(i::text) + i % 500 + 2) FROM "
                                       "generate_series(1, 100000) i")
                                       .text(0, 0));
  std::size_t largest = 0;
  ASSERT_TRUE(connection->copy_out("COPY (SELECT repeat('y', 5000000)) TO STDOUT",
                                   [&](std::string_view chunk) {
                                     largest = chunk.size();
                                     return Result<void>();
                                   }));
  EXPECT_EQ(largest, 5'000'001u);
}

TEST_F(ConnectionTest, AnErrorOfTheTakerEndsTheCopy) {
  int taken = 0;
  auto done = connection->copy_out("COPY (SELECT generate_series(1, 100000000)) TO STDOUT",
                                   [&](std::string_view) {
                                     ++taken;
                                     return Result<void>(Error{Fault::full, "no room"});
                                   });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().fault, Fault::full);
  EXPECT_EQ(taken, 1);
  EXPECT_EQ(run(*connection, "SELECT 1").text(0, 0), "1");
}

TEST_F(ConnectionTest, ACopyThatFailsLeavesTheConnectionUsable) {
  auto take = [](std::string_view) { return Result<void>(); };
  EXPECT_EQ(connection->copy_out("COPY missing TO STDOUT", take).error().fault, Fault::not_found);
  EXPECT_EQ(
      connection->copy_out("COPY (SELECT 1 / (3 - i) FROM generate_series(1, 9) i) TO STDOUT", take)
          .error()
          .fault,
      Fault::invalid);
  EXPECT_EQ(connection->copy_out("SELECT 1", take).error().fault, Fault::invalid);
  run(*connection, "CREATE TABLE target (id int)");
  EXPECT_FALSE(connection->copy_out("COPY target FROM STDIN", take));
  EXPECT_EQ(run(*connection, "SELECT count(*) FROM target").text(0, 0), "0");
}

TEST_F(ConnectionTest, AnotherThreadCancelsAQueryAndACopy) {
  auto watcher = testing::connect(server->uri());
  auto pid = run(*connection, "SELECT pg_backend_pid()").text(0, 0);
  // Cancels once the server says that the statement runs.
  auto cancel_when_it_runs = [&] {
    while (run(*watcher,
               "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND pid = " + pid)
               .empty())
      std::this_thread::yield();
    connection->cancel();
  };
  std::thread first(cancel_when_it_runs);
  EXPECT_EQ(connection->query("SELECT pg_sleep(3600)").error().fault, Fault::timeout);
  first.join();
  std::thread second(cancel_when_it_runs);
  EXPECT_EQ(connection
                ->copy_out("COPY (SELECT pg_sleep(3600)) TO STDOUT",
                           [](std::string_view) { return Result<void>(); })
                .error()
                .fault,
            Fault::timeout);
  second.join();
  EXPECT_EQ(run(*connection, "SELECT 1").text(0, 0), "1");
}

TEST_F(ConnectionTest, CancellingDoesNotWaitForAServerThatSaysNothing) {
  std::unique_ptr<Connection> through;
  std::thread running;
  Result<Rows> ended = Rows{};
  {
    BlackHole hole(server->folder());
    through = testing::connect(hole.uri());
    running = std::thread([&] { ended = through->query("SELECT pg_sleep(3600)"); });
    while (run(*connection, "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'").empty())
      std::this_thread::yield();
    through->cancel();
    through->cancel();
  }
  running.join();
  EXPECT_EQ(ended.error().fault, Fault::unavailable) << "the server was never asked";
}

TEST_F(ConnectionTest, NoticesThatItsServerProcessIsGone) {
  EXPECT_TRUE(connection->alive());
  auto other = testing::connect(server->uri());
  auto pid = run(*connection, "SELECT pg_backend_pid()").text(0, 0);
  run(*other, "SELECT pg_terminate_backend(" + pid + ", 10000)");
  EXPECT_EQ(connection->query("SELECT 1").error().fault, Fault::unavailable);
  EXPECT_FALSE(connection->alive());
  EXPECT_FALSE(connection->copy_out("COPY (SELECT 1) TO STDOUT",
                                    [](std::string_view) { return Result<void>(); }));
}

TEST_F(ConnectionTest, CopyThroughQueryIsRefused) {
  EXPECT_EQ(connection->query("COPY (SELECT 1) TO STDOUT").error().fault, Fault::invalid);
  EXPECT_FALSE(connection->alive());
}

}  // namespace
}  // namespace tailrace::pg
