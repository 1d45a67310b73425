#include "rules/pattern.h"

#include <gtest/gtest.h>

namespace tailrace::rules {

TEST(Pattern, PercentStandsForAnyRunOfCharacters) {
  EXPECT_TRUE(matches("%", ""));
  EXPECT_TRUE(matches("%", "orders"));
  EXPECT_TRUE(matches("ord%", "ord"));
  EXPECT_TRUE(matches("ord%", "orders"));
  EXPECT_TRUE(matches("%ers", "orders"));
  EXPECT_TRUE(matches("%a%b%", "xxaxxbxx"));
  EXPECT_TRUE(matches("%aab", "aaaaab"));
  EXPECT_FALSE(matches("ord%s", "order"));
  EXPECT_FALSE(matches("%a%b%", "xxbxxa"));
}

TEST(Pattern, UnderscoreStandsForOneCharacterOfAnyLength) {
  EXPECT_TRUE(matches("order_items", "order_items"));
  EXPECT_TRUE(matches("order_items", "orderXitems"));
  EXPECT_TRUE(matches("gr_n", "grün"));
  EXPECT_TRUE(matches("_", "𝄞"));
  EXPECT_FALSE(matches("_", ""));
  EXPECT_FALSE(matches("_", "ab"));
}

TEST(Pattern, BracketsStandForOneOfASet) {
  EXPECT_TRUE(matches("order[_]items", "order_items"));
  EXPECT_FALSE(matches("order[_]items", "orderXitems"));
  EXPECT_TRUE(matches("t[ab]", "tb"));
  EXPECT_FALSE(matches("t[ab]", "tc"));
  EXPECT_TRUE(matches("t[a-d]", "tc"));
  EXPECT_FALSE(matches("t[a-d]", "te"));
  EXPECT_TRUE(matches("t[a-dxü]", "tü"));
  EXPECT_TRUE(matches("t[а-я]", "tж"));
  EXPECT_TRUE(matches("t[a-]", "t-"));
  EXPECT_TRUE(matches("%[0-9]", "log_7"));
  EXPECT_FALSE(matches("%[0-9]", "log_x"));
}

TEST(Pattern, IsCaseSensitiveAndMatchesTheWholeName) {
  EXPECT_FALSE(matches("Orders", "orders"));
  EXPECT_FALSE(matches("order", "orders"));
  EXPECT_FALSE(matches("orders", "order"));
}

TEST(Pattern, ManyPercentsDoNotTakeForEver) {
  std::string pattern;
  for (int i = 0; i < 30; ++i) pattern += "%a";
  EXPECT_FALSE(matches(pattern + "b", std::string(63, 'a')));
}

TEST(Pattern, FlawsAreNamed) {
  EXPECT_EQ(flaw_of_pattern("a%b_[c-d]]"), std::nullopt);
  EXPECT_EQ(flaw_of_pattern(""), "is empty; write a name, or % for all");
  EXPECT_EQ(flaw_of_pattern("a[b"),
            "has a '[' without its ']'; write [[] for the character itself");
  EXPECT_EQ(flaw_of_pattern("a[]"),
            "has an empty set []; write the characters it may be between the brackets");
  EXPECT_EQ(flaw_of_pattern("a[z-b]"), "has the set [z-b] with a range that runs backwards");
}

TEST(Pattern, OnlyAPatternWithoutWildcardsNamesOneTable) {
  EXPECT_EQ(only_match("orders"), "orders");
  EXPECT_EQ(only_match("order[_]items"), "order_items");
  EXPECT_EQ(only_match("order_items"), std::nullopt);
  EXPECT_EQ(only_match("order%"), std::nullopt);
  EXPECT_EQ(only_match("order[ab]"), std::nullopt);
}

TEST(Pattern, EveryNameHasItsPattern) {
  for (std::string name : {"orders", "order_items", "100%", "a[b]", "grün", "[[%__"}) {
    EXPECT_EQ(flaw_of_pattern(pattern_of(name)), std::nullopt) << name;
    EXPECT_EQ(only_match(pattern_of(name)), name);
    EXPECT_TRUE(matches(pattern_of(name), name)) << name;
  }
}

}  // namespace tailrace::rules
