#include "envelope/partition_key.h"

#include <gtest/gtest.h>

#include "envelope/test_table.h"

namespace tailrace::envelope {
namespace {

Table composite_table() {
  return {.oid = 1,
          .schema = "shop",
          .name = "line",
          .columns = {{.name = "line", .key_position = 2},
                      {.name = "note"},
                      {.name = "order", .key_position = 1}}};
}

std::string key_of(const Table& table, const Change& change,
                   Context::Half half = Context::Half::whole,
                   PartitionBy partition_by = PartitionBy::primary_key) {
  for (Format format : formats) {
    Buffer out;
    TableEnvelope::make(format, partition_by, source, table)
        ->append_partition_key(out, change, half);
    Buffer direct;
    PartitionKey(partition_by, table).append(direct, change, half);
    EXPECT_EQ(out.view(), direct.view());
  }
  Buffer out;
  PartitionKey(partition_by, table).append(out, change, half);
  return std::string(out.view());
}

Change insert_of(const std::vector<Value>& row) {
  return {.operation = Operation::insert, .after = row};
}

Change update_of(const std::vector<Value>& before, const std::vector<Value>& after) {
  return {.operation = Operation::update, .before = before, .after = after};
}

std::string key_of_line(std::string_view order, std::string_view line) {
  std::vector<Value> row = {text(line), null_value, text(order)};
  return key_of(composite_table(), insert_of(row));
}

}  // namespace

TEST(PartitionKey, IsTheTextOfTheKeyAfterTheTable) {
  std::vector<Value> row = {text("7"), text("A"), null_value, null_value, null_value};
  EXPECT_EQ(key_of(item_table(), insert_of(row)), "shop.item.7");
  row[0] = text("a.b\\c");
  EXPECT_EQ(key_of(item_table(), insert_of(row)), "shop.item.a.b\\c");
}

TEST(PartitionKey, JoinsSeveralColumnsInTheOrderOfTheKey) {
  EXPECT_EQ(key_of_line("4711", "2"), "shop.line.4711.2");
}

TEST(PartitionKey, DifferentCompositeKeysStayDifferent) {
  EXPECT_EQ(key_of_line("a.b", "c"), "shop.line.a\\.b.c");
  EXPECT_EQ(key_of_line("a", "b.c"), "shop.line.a.b\\.c");
  EXPECT_EQ(key_of_line("a\\", "b"), "shop.line.a\\\\.b");
  EXPECT_EQ(key_of_line("", ""), "shop.line..");
}

TEST(PartitionKey, ShowsANullAsBackslashN) {
  std::vector<Value> row = {null_value, null_value, text("1")};
  EXPECT_EQ(key_of(composite_table(), insert_of(row)), "shop.line.1.\\N");
  EXPECT_EQ(key_of_line("1", "\\N"), "shop.line.1.\\\\N");
}

TEST(PartitionKey, IsTheTableWithoutAKeyAndBySchemaTable) {
  Table keyless = item_table();
  keyless.columns[0].key_position = 0;
  std::vector<Value> row = {text("7"), text("A"), null_value, null_value, null_value};
  EXPECT_EQ(key_of(keyless, insert_of(row)), "shop.item");
  EXPECT_EQ(key_of(item_table(), insert_of(row), Context::Half::whole, PartitionBy::schema_table),
            "shop.item");
}

TEST(PartitionKey, IsTheTableForATruncate) {
  EXPECT_EQ(key_of(item_table(), {.operation = Operation::truncate}), "shop.item");
}

TEST(PartitionKey, NamesARemovedRowByItsOldKey) {
  std::vector<Value> old_key = {text("7"), absent_value, absent_value, absent_value, absent_value};
  EXPECT_EQ(key_of(item_table(), {.operation = Operation::remove, .before = old_key}),
            "shop.item.7");
}

TEST(PartitionKey, TheHalvesOfAKeyChangeGoToTheirOwnKeys) {
  std::vector<Value> before = {text("7"), absent_value, absent_value, absent_value, absent_value};
  std::vector<Value> after = {text("8"), text("A"), null_value, null_value, null_value};
  Change change = update_of(before, after);
  EXPECT_EQ(key_of(item_table(), change, Context::Half::old_key), "shop.item.7");
  EXPECT_EQ(key_of(item_table(), change, Context::Half::new_key), "shop.item.8");
  EXPECT_TRUE(PartitionKey(PartitionBy::primary_key, item_table()).changes(change));
  EXPECT_FALSE(PartitionKey(PartitionBy::schema_table, item_table()).changes(change));
}

TEST(PartitionKey, OnlyAnotherKeyIsAChangeOfTheKey) {
  PartitionKey key(PartitionBy::primary_key, composite_table());
  std::vector<Value> row = {text("2"), text("old"), text("4711")};
  std::vector<Value> other_note = {text("2"), text("new"), text("4711")};
  std::vector<Value> other_line = {text("3"), text("old"), text("4711")};
  std::vector<Value> null_line = {null_value, text("old"), text("4711")};
  std::vector<Value> unchanged_key = {text("2"), text("old"), unchanged_value};
  std::vector<Value> unknown_key = {absent_value, text("old"), absent_value};
  EXPECT_FALSE(key.changes(update_of(row, other_note)));
  EXPECT_TRUE(key.changes(update_of(row, other_line)));
  EXPECT_TRUE(key.changes(update_of(null_line, row)));
  EXPECT_FALSE(key.changes(update_of(row, unchanged_key)));
  EXPECT_FALSE(key.changes(update_of(unknown_key, row)));
  EXPECT_FALSE(key.changes(update_of({}, row)));
  EXPECT_FALSE(key.changes(insert_of(row)));
  EXPECT_FALSE(key.changes({.operation = Operation::remove, .before = row}));
}

TEST(PartitionKey, TakesAnUnchangedKeyFromTheOldRow) {
  std::vector<Value> before = {text("2"), absent_value, text("4711")};
  std::vector<Value> after = {text("2"), text("x"), unchanged_value};
  EXPECT_EQ(key_of(composite_table(), update_of(before, after)), "shop.line.4711.2");
}

TEST(PartitionKey, LongerThan256CharactersItIsItsDigest) {
  std::string longest(256 - std::string("shop.item.").size(), 'x');
  std::vector<Value> row = {text(longest), text("A"), null_value, null_value, null_value};
  EXPECT_EQ(key_of(item_table(), insert_of(row)), "shop.item." + longest);

  std::string too_long = longest + "x";
  row[0] = text(too_long);
  // printf 'shop.item.xxx...' | sha256sum
  EXPECT_EQ(key_of(item_table(), insert_of(row)),
            "5f4d4738366ad767d4880c8177de1c760924612ac22e3916a152f842606e085c");

  std::string wide;
  for (std::size_t i = 0; i < longest.size(); ++i) wide += "ü";
  row[0] = text(wide);
  EXPECT_EQ(key_of(item_table(), insert_of(row)), "shop.item." + wide);
}

}  // namespace tailrace::envelope
