#include "capture/copy_text.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace tailrace::capture {
namespace {

using Field = std::optional<std::string>;

std::optional<std::vector<Field>> split(std::string_view line, std::size_t columns) {
  std::vector<Value> values(columns);
  Buffer unescaped;
  if (!split_copy_line(line, values, unescaped)) return std::nullopt;
  std::vector<Field> fields;
  for (const Value& value : values)
    fields.push_back(value.state == Value::State::null ? Field{} : Field{std::string(value.bytes)});
  return fields;
}

}  // namespace

TEST(CopyText, SplitsAtTabs) {
  EXPECT_EQ(split("1\tone\t", 3), (std::vector<Field>{"1", "one", ""}));
  EXPECT_EQ(split("alone", 1), (std::vector<Field>{"alone"}));
}

TEST(CopyText, TellsNullFromTextThatLooksLikeIt) {
  EXPECT_EQ(split("\\N\tN\t\\\\N", 3), (std::vector<Field>{std::nullopt, "N", "\\N"}));
}

TEST(CopyText, UndoesEveryEscape) {
  EXPECT_EQ(split(R"(a\tb\nc\rd\\e\bf\fg\vh)", 1), (std::vector<Field>{"a\tb\nc\rd\\e\bf\fg\vh"}));
}

TEST(CopyText, KeepsEarlierValuesWhenLaterOnesAreUnescaped) {
  std::string line;
  std::vector<Field> expected;
  for (int i = 0; i < 50; ++i) {
    line += (i ? "\t" : "") + std::string("x\\\\") + std::to_string(i);
    expected.push_back("x\\" + std::to_string(i));
  }
  EXPECT_EQ(split(line, 50), expected);
}

TEST(CopyText, RefusesAnotherNumberOfColumns) {
  EXPECT_FALSE(split("1\t2", 1).has_value());
  EXPECT_FALSE(split("1\t2", 3).has_value());
  EXPECT_TRUE(split("", 0).has_value());
  EXPECT_FALSE(split("x", 0).has_value());
}

}  // namespace tailrace::capture
