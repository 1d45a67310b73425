#include "pg/conninfo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tailrace::pg {
namespace {

using ::testing::HasSubstr;

const char* nothing(const char*) { return nullptr; }

Conninfo conninfo_of(const std::string& uri, Connection::Kind kind = Connection::Kind::sql,
                     Environment environment = nothing) {
  Connection::Options options;
  options.uri = uri;
  options.kind = kind;
  auto all = conninfos_of(options, environment);
  EXPECT_TRUE(all) << all.error().message;
  return all ? all->front() : Conninfo();
}

std::string sslmode_of(const std::string& uri, Environment environment = nothing) {
  auto conninfo = conninfo_of(uri, Connection::Kind::sql, environment);
  return conninfo.contains("sslmode") ? conninfo["sslmode"] : "";
}

TEST(Conninfo, ChecksTheCertificateOfARemoteHostUnlessToldOtherwise) {
  EXPECT_EQ(sslmode_of("postgresql://cdc@db.internal/shop"), "verify-full");
  EXPECT_EQ(sslmode_of("host=10.1.2.3 dbname=shop"), "verify-full");
  EXPECT_EQ(sslmode_of("postgresql://cdc@db.internal/shop?sslmode=require"), "require");
  for (const char* local :
       {"postgresql:///shop", "postgresql://localhost/shop", "postgresql://127.0.0.1/shop",
        "postgresql://[::1]/shop", "host=/run/postgresql"})
    EXPECT_EQ(sslmode_of(local), "") << local;
}

TEST(Conninfo, HeedsTheEnvironment) {
  EXPECT_EQ(sslmode_of("postgresql:///shop",
                       [](const char* name) -> const char* {
                         return std::string_view(name) == "PGHOST" ? "db.internal" : nullptr;
                       }),
            "verify-full");
  EXPECT_EQ(sslmode_of("postgresql://db.internal/shop",
                       [](const char* name) -> const char* {
                         return std::string_view(name) == "PGSSLMODE" ? "disable" : nullptr;
                       }),
            "");
  auto conninfo =
      conninfo_of("dbname=shop", Connection::Kind::sql, [](const char* name) -> const char* {
        return std::string_view(name) == "PGOPTIONS" ? "-c search_path=a" : nullptr;
      });
  EXPECT_THAT(conninfo["options"], ::testing::StartsWith("-c search_path=a -c DateStyle=ISO"));
}

TEST(Conninfo, AsksForReplicationOnlyWhereItIsMeant) {
  EXPECT_EQ(conninfo_of("dbname=shop", Connection::Kind::replication)["replication"], "database");
  EXPECT_FALSE(conninfo_of("dbname=shop replication=true").contains("replication"));
  EXPECT_THAT(conninfo_of("dbname=shop")["options"], HasSubstr("row_security=off"));
}

TEST(Conninfo, TriesTheHostsOfAListOneByOne) {
  Connection::Options options;
  options.uri = "postgresql://a:1,localhost:2/shop";
  auto all = conninfos_of(options, nothing);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[0]["host"], "a");
  EXPECT_EQ((*all)[0]["sslmode"], "verify-full");
  EXPECT_EQ((*all)[1]["port"], "2");
  EXPECT_FALSE((*all)[1].contains("sslmode"));
  options.uri = "host=a,b port=1,2,3";
  EXPECT_EQ(conninfos_of(options, nothing).error().fault, Fault::invalid);
}

TEST(Conninfo, SaysWhatIsWrongWithAUriWithoutItsPassword) {
  Connection::Options options;
  options.uri = "postgresql://cdc:secret@db/shop?wrong=1";
  auto error = conninfos_of(options, nothing).error();
  EXPECT_EQ(error.fault, Fault::invalid);
  EXPECT_THAT(error.message, HasSubstr("wrong"));
  EXPECT_THAT(error.message, ::testing::Not(HasSubstr("secret")));
}

TEST(RedactUri, HidesPasswordsWhereverTheyStand) {
  EXPECT_EQ(redact_uri("postgresql://cdc:secret@db:5432/shop"),
            "postgresql://cdc:***@db:5432/shop");
  EXPECT_EQ(redact_uri("postgresql://cdc:se@cr/et@db/shop"), "postgresql://cdc:***@db/shop");
  EXPECT_EQ(redact_uri("postgresql://cdc@db/shop?password=secret&sslpassword=other&x=1"),
            "postgresql://cdc@db/shop?password=***&sslpassword=***&x=1");
  EXPECT_EQ(redact_uri("host=db password=secret user=cdc"), "host=db password=*** user=cdc");
  EXPECT_EQ(redact_uri("host=db password = 'se cr\\'et' user=cdc"),
            "host=db password = *** user=cdc");
  EXPECT_EQ(redact_uri("host=db password='open"), "host=db password=***");
  EXPECT_EQ(redact_uri("host=db password=se\\ cret user=cdc"), "host=db password=*** user=cdc");
  EXPECT_EQ(redact_uri("postgresql://db:5432/shop"), "postgresql://db:5432/shop");
  EXPECT_EQ(redact_uri("password="), "password=");
}

TEST(Quote, DoublesTheQuotesInside) {
  EXPECT_EQ(quote_identifier("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(quote_literal("it's \\"), "'it''s \\'");
}

}  // namespace
}  // namespace tailrace::pg
