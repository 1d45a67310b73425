#include "base/closest_word.h"

#include <gtest/gtest.h>

#include <string>

namespace tailrace {

const std::vector<std::string_view> known = {"include", "exclude", "explicit", "table-name"};

TEST(ClosestWord, FindsTheWordThatWasMisspelt) {
  EXPECT_EQ(closest_word("inclde", known), "include");
  EXPECT_EQ(closest_word("exlcude", known), "exclude");
  EXPECT_EQ(closest_word("INCLUDE", known), "include");
  EXPECT_EQ(closest_word("table_name", known), "table-name");
  EXPECT_EQ(closest_word("tablename", known), "table-name");
}

TEST(ClosestWord, PrefersTheWordWithTheFewestChangedLetters) {
  EXPECT_EQ(closest_word("excclude", known), "exclude");
  EXPECT_EQ(closest_word("explicite", known), "explicit");
}

TEST(ClosestWord, SaysNothingWhenAllAreFar) {
  EXPECT_EQ(closest_word("drop", known), std::nullopt);
  EXPECT_EQ(closest_word("", known), std::nullopt);
  EXPECT_EQ(closest_word("include", {}), std::nullopt);
  EXPECT_EQ(closest_word(std::string(200, 'i'), known), std::nullopt);
}

}  // namespace tailrace
