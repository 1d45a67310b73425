#include "pg/catalog_queries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "pg/testing/fake_connection.h"
#include "pg/testing/postgres_server.h"

namespace tailrace::pg {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using testing::PostgresServer;
using testing::run;

class CatalogQueriesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = PostgresServer::start();
    ASSERT_TRUE(started) << started.error().message;
    server = std::move(*started);
  }
  static void TearDownTestSuite() { server.reset(); }

  // Each test has a database of its own.
  CatalogQueriesTest() {
    static int count = 0;
    database = "test_" + std::to_string(++count);
    run(*testing::connect(server->uri()), "CREATE DATABASE " + database);
    sql = testing::connect(server->uri(database));
  }

  std::unique_ptr<Connection> replication() {
    return testing::connect(server->uri(database), Connection::Kind::replication);
  }

  TableInfo table(const std::string& name) {
    auto tables = list_tables(*sql);
    EXPECT_TRUE(tables) << tables.error().message;
    for (auto& one : *tables)
      if (one.name == name) return one;
    ADD_FAILURE() << "no table " << name;
    return {};
  }

  inline static std::unique_ptr<PostgresServer> server;
  std::string database;
  std::unique_ptr<Connection> sql;
};

// Answers everything with one row.
class OneRow final : public testing::FakeConnection {
 public:
  explicit OneRow(Rows rows) : rows_(std::move(rows)) {}
  Result<Rows> query(const std::string&, const std::vector<std::string>&) override { return rows_; }

 private:
  Rows rows_;
};

TEST(CatalogAnswersTest, ATextWhereANumberBelongsIsAnError) {
  for (const char* timeline : {"", "x", "1x", "-1", "4294967296"}) {
    SCOPED_TRACE(timeline);
    OneRow server(
        {{"systemid", "timeline", "xlogpos", "dbname"}, {{"7", timeline, "0/200", "shop"}}});
    auto system = identify_system(server);
    ASSERT_FALSE(system);
    EXPECT_EQ(system.error().fault, Fault::corrupt);
    EXPECT_THAT(
        system.error().message,
        HasSubstr("identify the system: the server's timeline is '" + std::string(timeline)));
  }
}

TEST(CatalogAnswersTest, AHistoryWhoseTimelineIsNoNumberIsAnError) {
  OneRow server({{"filename", "content"}, {{"00000002.history", "one\t0/200\tpromoted\n"}}});
  auto history = timeline_history(server, 2);
  ASSERT_FALSE(history);
  EXPECT_EQ(history.error().fault, Fault::corrupt);
}

TEST_F(CatalogQueriesTest, IdentifiesTheSystem) {
  auto connection = replication();
  auto system = identify_system(*connection);
  ASSERT_TRUE(system) << system.error().message;
  EXPECT_EQ(std::to_string(system->system_id),
            run(*sql, "SELECT system_identifier FROM pg_control_system()").text(0, 0));
  EXPECT_EQ(system->timeline, 1u);
  EXPECT_GT(system->current, Lsn{});
  EXPECT_EQ(system->database, database);
  EXPECT_THAT(*timeline_history(*connection, 1), IsEmpty());
}

TEST_F(CatalogQueriesTest, CreatesFindsAndDropsASlot) {
  EXPECT_EQ(*find_slot(*sql, "s1"), std::nullopt);
  auto connection = replication();
  auto created = create_slot(*connection, "s1", false, true);
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_FALSE(created->snapshot.empty());
  run(*sql, "BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '" +
                created->snapshot + "'; COMMIT");

  auto slot = find_slot(*sql, "s1");
  ASSERT_TRUE(slot && *slot);
  EXPECT_EQ((*slot)->plugin, "pgoutput");
  EXPECT_EQ((*slot)->database, database);
  EXPECT_FALSE((*slot)->active);
  EXPECT_EQ((*slot)->confirmed_flush, created->consistent_point);
  EXPECT_LE((*slot)->restart, created->consistent_point);
  EXPECT_EQ((*slot)->wal_status, "reserved");
  EXPECT_EQ((*slot)->invalidation_reason, "");

  EXPECT_EQ(create_slot(*connection, "s1", false, false).error().fault, Fault::conflict);
  ASSERT_TRUE(drop_slot(*sql, "s1"));
  EXPECT_EQ(*find_slot(*sql, "s1"), std::nullopt);
  EXPECT_EQ(drop_slot(*sql, "s1").error().fault, Fault::not_found);
}

TEST_F(CatalogQueriesTest, ATemporarySlotEndsWithItsConnection) {
  auto connection = replication();
  auto created = create_slot(*connection, "brief", true, false);
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(created->snapshot, "");
  EXPECT_TRUE((*find_slot(*sql, "brief"))->active);
  EXPECT_EQ(drop_slot(*sql, "brief").error().fault, Fault::conflict);
  connection.reset();
  while (*find_slot(*sql, "brief")) std::this_thread::yield();
}

TEST_F(CatalogQueriesTest, NamesWhoHoldsUpASlot) {
  EXPECT_THAT(*old_transactions(*sql), IsEmpty());
  auto writer = testing::connect(server->uri(database));
  run(*writer, "CREATE TABLE t (id int)");
  run(*writer, "BEGIN; INSERT INTO t VALUES (1); SELECT 'the last\n statement'");
  auto pid = run(*writer, "SELECT pg_backend_pid()").text(0, 0);
  auto waiting = replication();
  std::thread creation([&] { EXPECT_TRUE(create_slot(*waiting, "late", false, false)); });
  while (true) {
    auto slot = find_slot(*sql, "late");
    ASSERT_TRUE(slot);
    if (*slot && (*slot)->active_pid && !(*slot)->confirmed_flush) break;
    std::this_thread::yield();
  }
  auto who = old_transactions(*sql);
  ASSERT_TRUE(who) << who.error().message;
  ASSERT_EQ(who->size(), 1u);
  EXPECT_THAT((*who)[0], HasSubstr("pid " + pid + " (tailrace) idle in transaction for "));
  EXPECT_THAT((*who)[0], HasSubstr(" s: SELECT pg_backend_pid()"));
  run(*writer, "PREPARE TRANSACTION 'left behind'");
  EXPECT_THAT(*old_transactions(*sql),
              ElementsAre(HasSubstr("prepared transaction 'left behind' of postgres")));
  run(*writer, "COMMIT PREPARED 'left behind'");
  creation.join();
  ASSERT_TRUE(drop_slot(*sql, "late"));
}

TEST_F(CatalogQueriesTest, DescribesATable) {
  run(*sql,
      "CREATE SCHEMA shop; CREATE TABLE shop.orders (note text, region int, dropped int, id "
      "bigint, "
      "twice bigint GENERATED ALWAYS AS (id * 2) STORED, plain text, PRIMARY KEY (id, region) "
      "INCLUDE (note));"
      "ALTER TABLE shop.orders DROP COLUMN dropped; ALTER TABLE shop.orders ALTER plain SET "
      "STORAGE PLAIN;"
      "INSERT INTO shop.orders SELECT 'x', i, i FROM generate_series(1, 1000) i; ANALYZE "
      "shop.orders");
  auto orders = table("orders");
  EXPECT_EQ(orders.schema, "shop");
  EXPECT_EQ(orders.kind, 'r');
  EXPECT_EQ(orders.persistence, 'p');
  EXPECT_TRUE(orders.has_primary_key);
  EXPECT_FALSE(orders.lacks_identity());
  EXPECT_GT(orders.bytes, 8192u);
  EXPECT_THAT(orders.columns, ElementsAre(Column{"note", ValueKind::text, "text", 0},
                                          Column{"region", ValueKind::integer, "integer", 2},
                                          Column{"id", ValueKind::integer, "bigint", 1},
                                          Column{"twice", ValueKind::integer, "bigint", 0},
                                          Column{"plain", ValueKind::text, "text", 0}));
  EXPECT_THAT(orders.generated_columns, ElementsAre("twice"));
  EXPECT_THAT(orders.toastable_columns, ElementsAre("note"));

  auto same = find_table(*sql, orders.oid);
  ASSERT_TRUE(same && *same);
  EXPECT_EQ((*same)->columns, orders.columns);
  EXPECT_FALSE(find_table(*sql, 1)->has_value());
}

TEST_F(CatalogQueriesTest, KnowsWhichTablesLackAnIdentity) {
  run(*sql,
      "CREATE TABLE bare (a int NOT NULL, b int NOT NULL); CREATE UNIQUE INDEX bare_ab ON bare (b, "
      "a)");
  EXPECT_TRUE(table("bare").lacks_identity());
  run(*sql, "ALTER TABLE bare REPLICA IDENTITY USING INDEX bare_ab");
  auto with_index = table("bare");
  EXPECT_FALSE(with_index.lacks_identity());
  EXPECT_EQ(with_index.columns[0].key_position, 2);
  EXPECT_EQ(with_index.columns[1].key_position, 1);
  run(*sql, "ALTER TABLE bare REPLICA IDENTITY FULL");
  EXPECT_EQ(table("bare").replica_identity, 'f');
  EXPECT_EQ(table("bare").columns[0].key_position, 0);
  run(*sql, "ALTER TABLE bare REPLICA IDENTITY NOTHING");
  EXPECT_TRUE(table("bare").lacks_identity());
}

TEST_F(CatalogQueriesTest, ListsTablesOfUsersOnly) {
  run(*sql,
      "CREATE TABLE a (id int); CREATE UNLOGGED TABLE b (id int); CREATE TEMP TABLE c (id int); "
      "CREATE VIEW d AS SELECT 1;"
      "CREATE TABLE e (id int) PARTITION BY RANGE (id); CREATE TABLE e1 PARTITION OF e FOR VALUES "
      "FROM (0) TO (9) "
      "PARTITION BY RANGE (id); CREATE TABLE e2 PARTITION OF e1 FOR VALUES FROM (0) TO (5); CREATE "
      "TABLE no_columns ()");
  auto tables = list_tables(*sql);
  ASSERT_TRUE(tables) << tables.error().message;
  std::vector<std::string> names;
  for (const auto& one : *tables) names.push_back(one.name);
  EXPECT_THAT(names, ElementsAre("a", "b", "e", "e1", "e2", "no_columns"));
  EXPECT_EQ(table("b").persistence, 'u');
  EXPECT_EQ(table("e").kind, 'p');
  EXPECT_FALSE(table("e").is_partition);
  EXPECT_EQ(table("e").partition_root, std::nullopt);
  EXPECT_TRUE(table("e2").is_partition);
  EXPECT_EQ(table("e2").partition_root, table("e").oid);
}

TEST_F(CatalogQueriesTest, FollowsTypesToWhatTheyMean) {
  run(*sql,
      "CREATE TYPE mood AS ENUM ('sad'); CREATE DOMAIN price AS numeric(10, 2); CREATE DOMAIN "
      "fair_price AS price CHECK (value > 0);"
      "CREATE DOMAIN many AS int[]; CREATE TYPE pair AS (a int, b text);"
      "CREATE TABLE types (a mood, b fair_price, c many, d pair, e mood[], f fair_price[], g "
      "int4range, h varchar(10), i jsonb, "
      "j timestamptz(3), k int2vector, l oid, m box[], n bytea, o bit(3), p pair[])");
  std::vector<std::pair<std::string, ValueKind>> expected = {
      {"mood", ValueKind::text},       {"fair_price", ValueKind::numeric},
      {"many", ValueKind::array},      {"pair", ValueKind::text},
      {"mood[]", ValueKind::array},    {"fair_price[]", ValueKind::array},
      {"int4range", ValueKind::text},  {"character varying", ValueKind::text},
      {"jsonb", ValueKind::json},      {"timestamp with time zone", ValueKind::timestamptz},
      {"int2vector", ValueKind::text}, {"oid", ValueKind::integer},
      {"box[]", ValueKind::text},      {"bytea", ValueKind::bytes},
      {"bit", ValueKind::text},        {"pair[]", ValueKind::array}};
  auto types = table("types");
  ASSERT_EQ(types.columns.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(types.columns[i].type_name, expected[i].first);
    EXPECT_EQ(types.columns[i].kind, expected[i].second) << expected[i].first;
  }

  auto oids = run(*sql,
                  "SELECT 'mood'::regtype::oid, 'fair_price'::regtype::oid, 'many'::regtype::oid, "
                  "'mood[]'::regtype::oid");
  std::vector<std::uint32_t> asked;
  for (std::size_t i = 0; i < 4; ++i)
    asked.push_back(static_cast<std::uint32_t>(std::stoul(oids.text(0, i))));
  asked.push_back(4'000'000'000);
  auto found = find_types(*sql, asked);
  ASSERT_TRUE(found) << found.error().message;
  std::map<std::string, ValueKind> kinds;
  for (const auto& type : *found) kinds[type.name] = type.kind;
  EXPECT_THAT(kinds,
              ElementsAre(Pair("fair_price", ValueKind::numeric), Pair("many", ValueKind::array),
                          Pair("mood", ValueKind::text), Pair("mood[]", ValueKind::array)));
}

// The table in the source against the server's own.
TEST_F(CatalogQueriesTest, KnowsTheBuiltInTypesAsTheServerDoes) {
  auto types = run(*sql,
                   "SELECT oid, typname, format_type(oid, NULL) FROM pg_type WHERE oid < 10000 AND "
                   "typtype IN ('b', 'r', 'm')");
  ASSERT_GT(types.rows.size(), 100u);
  for (std::size_t i = 0; i < types.rows.size(); ++i) {
    auto oid = static_cast<std::uint32_t>(std::stoul(types.text(i, 0)));
    EXPECT_EQ(builtin_type_name(oid), types.text(i, 2)) << oid;
    EXPECT_EQ(kind_of_builtin(oid), kind_of_builtin_name(types.text(i, 1))) << oid;
  }
  EXPECT_EQ(kind_of_builtin(23), ValueKind::integer);
  EXPECT_EQ(kind_of_builtin_name("_int4"), ValueKind::array);
  EXPECT_EQ(kind_of_builtin(16384), std::nullopt);
  EXPECT_EQ(kind_of_builtin(9999), ValueKind::text);
  EXPECT_EQ(builtin_type_name(16384), "");
  EXPECT_EQ(kind_of_builtin_name("mood"), std::nullopt);
}

TEST_F(CatalogQueriesTest, DescribesAPublication) {
  EXPECT_FALSE(find_publication(*sql, "p")->has_value());
  run(*sql,
      "CREATE TABLE b (id int); CREATE TABLE a (id int); CREATE PUBLICATION p FOR TABLE b, a WITH "
      "(publish = 'insert, delete', "
      "publish_via_partition_root = true); CREATE PUBLICATION everything FOR ALL TABLES");
  auto p = *find_publication(*sql, "p");
  ASSERT_TRUE(p);
  EXPECT_TRUE(p->inserts && p->deletes && p->via_root);
  EXPECT_FALSE(p->updates || p->truncates || p->all_tables);
  EXPECT_THAT(p->tables, ElementsAre(Pair("public", "a"), Pair("public", "b")));
  EXPECT_TRUE((*find_publication(*sql, "everything"))->all_tables);
}

TEST_F(CatalogQueriesTest, TellsWhichTablesAPublicationLacks) {
  run(*sql,
      "CREATE TABLE a (id int); CREATE TABLE b (id int); CREATE TABLE gone (id int); "
      "CREATE TABLE p (id int) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p DEFAULT; "
      "CREATE PUBLICATION lacking FOR TABLE a, gone, p WITH (publish_via_partition_root = true)");
  std::vector<std::uint32_t> tables;
  for (const char* name : {"a", "b", "gone", "p"}) tables.push_back(table(name).oid);
  run(*sql, "DROP TABLE gone; ALTER TABLE a RENAME TO renamed");
  EXPECT_THAT(*tables_outside(*sql, "lacking", tables), ElementsAre("public.b"));
  run(*sql, "ALTER PUBLICATION lacking DROP TABLE p");
  EXPECT_THAT(*tables_outside(*sql, "lacking", tables), ElementsAre("public.b", "public.p"));
  EXPECT_THAT(*tables_outside(*sql, "none", {tables[0]}), ElementsAre("public.renamed"));
  EXPECT_THAT(*tables_outside(*sql, "none", {}), IsEmpty());
}

TEST(CtidRanges, CoverATableWithoutGaps) {
  TableInfo table;
  table.bytes = 8192 * 1000;
  constexpr std::uint32_t open_end = UINT32_MAX;
  EXPECT_THAT(ctid_ranges(table, 150000, 3),
              ElementsAre(Pair(0, 333), Pair(333, 666), Pair(666, open_end)));
  EXPECT_THAT(ctid_ranges(table, 130000, 3), ElementsAre(Pair(0, open_end)));
  EXPECT_THAT(ctid_ranges(table, 150000, 0), ElementsAre(Pair(0, open_end)));
  EXPECT_EQ(ctid_ranges(table, 150000, 1000).size(), 15u);
  table.bytes = 0;
  EXPECT_THAT(ctid_ranges(table, 150000, 4), ElementsAre(Pair(0, open_end)));
}

}  // namespace
}  // namespace tailrace::pg
