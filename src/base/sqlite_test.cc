#include "base/sqlite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"

namespace tailrace {
namespace {

using testing::HasSubstr;

class SqliteTest : public testing::Test {
 protected:
  SqliteTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sqlite_test.XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    file_ = folder_ + "/some.sqlite";
  }
  ~SqliteTest() override { std::filesystem::remove_all(folder_); }

  Result<std::unique_ptr<Sqlite>> open() {
    return Sqlite::open(file_, Sqlite::Synchronous::normal, Sqlite::Check::whole);
  }
  // Text and number of each row of table t.
  static std::string rows(Sqlite& sqlite) {
    std::string all;
    auto select = sqlite.prepare("SELECT name, number FROM t ORDER BY name").value();
    while (select.step().value())
      all += std::string(select.text(0)) + "=" + std::to_string(select.integer(1)) + " ";
    return all;
  }
  static constexpr const char* create = "CREATE TABLE t (name TEXT PRIMARY KEY, number INTEGER)";

  std::string folder_, file_;
};

TEST_F(SqliteTest, KeepsWhatWasCommittedOverAReopen) {
  {
    auto sqlite = open().value();
    ASSERT_TRUE(sqlite->upgrade({create}));
    auto insert = sqlite->prepare("INSERT INTO t VALUES (?, ?)").value();
    ASSERT_TRUE(insert.run("a", std::uint64_t{1} << 60));
    ASSERT_TRUE(insert.run("", std::int64_t{-2}));
    EXPECT_EQ(sqlite->changes(), 1);
  }
  auto sqlite = open().value();
  ASSERT_TRUE(sqlite->upgrade({create}));
  EXPECT_EQ(rows(*sqlite), "=-2 a=1152921504606846976 ");
}

TEST_F(SqliteTest, UndoesATransactionWhoseWorkFails) {
  auto sqlite = open().value();
  ASSERT_TRUE(sqlite->upgrade({create}));

  auto failed = sqlite->transaction([&]() -> Result<void> {
    if (auto done = sqlite->execute("INSERT INTO t VALUES ('a', 1)"); !done) return done;
    return Error{Fault::invalid, "no"};
  });

  EXPECT_EQ(failed.error().message, "no");
  EXPECT_EQ(rows(*sqlite), "");
}

TEST_F(SqliteTest, NamesABrokenConstraintAConflict) {
  auto sqlite = open().value();
  ASSERT_TRUE(sqlite->upgrade({create}));
  auto insert = sqlite->prepare("INSERT INTO t VALUES (?, ?)").value();
  ASSERT_TRUE(insert.run("a", std::int64_t{1}));

  auto again = insert.run("a", std::int64_t{2});

  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().fault, Fault::conflict);
  EXPECT_THAT(again.error().message, HasSubstr(file_));
  EXPECT_EQ(rows(*sqlite), "a=1 ");
}

TEST_F(SqliteTest, UpgradesAnOlderFileStepByStep) {
  { ASSERT_TRUE(open().value()->upgrade({create})); }
  auto sqlite = open().value();
  ASSERT_TRUE(sqlite->upgrade({create, "INSERT INTO t VALUES ('second', 2)"}));
  EXPECT_EQ(rows(*sqlite), "second=2 ");
}

TEST_F(SqliteTest, RefusesAFileOfANewerVersion) {
  { ASSERT_TRUE(open().value()->upgrade({create, "INSERT INTO t VALUES ('second', 2)"})); }
  auto sqlite = open().value();
  auto refused = sqlite->upgrade({create});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::conflict);
  EXPECT_THAT(refused.error().message, HasSubstr("schema version 2"));
}

TEST_F(SqliteTest, LeavesAFileAloneThatIsNoDatabase) {
  std::string text(5000, 'x');
  ASSERT_TRUE(replace_file(file_, text));

  auto opened = open();

  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault, Fault::corrupt);
  EXPECT_THAT(opened.error().message, HasSubstr(file_));
  EXPECT_EQ(read_file(file_).value(), text);
}

TEST_F(SqliteTest, FindsDamageInsideAFile) {
  {
    auto sqlite = open().value();
    ASSERT_TRUE(sqlite->upgrade({create}));
    auto insert = sqlite->prepare("INSERT INTO t VALUES (?, ?)").value();
    for (int i = 0; i < 500; ++i)
      ASSERT_TRUE(insert.run(std::string(100, 'a') + std::to_string(i), std::int64_t{i}));
  }
  auto bytes = read_file(file_).value();
  for (std::size_t at = 4096; at < bytes.size(); ++at) bytes[at] = '\x5a';
  ASSERT_TRUE(replace_file(file_, bytes));

  auto opened = open();

  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault, Fault::corrupt);
  EXPECT_EQ(read_file(file_).value(), bytes);
}

TEST_F(SqliteTest, SaysWhyAFileCannotBeOpened) {
  file_ = folder_ + "/missing/some.sqlite";
  auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault, Fault::not_found);
  EXPECT_THAT(opened.error().message, HasSubstr("No such file"));
}

}  // namespace
}  // namespace tailrace
