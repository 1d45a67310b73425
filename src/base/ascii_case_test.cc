#include "base/ascii_case.h"

#include <gtest/gtest.h>

namespace tailrace {

TEST(AsciiCase, OnlyTheLettersOfAsciiHaveOne) {
  EXPECT_EQ(lower_case("Content-TYPE [@`{\xc3\x84"), "content-type [@`{\xc3\x84");
}

TEST(AsciiCase, TextsAreComparedWhole) {
  EXPECT_TRUE(equal_ignoring_case("Application/JSON", "application/json"));
  EXPECT_FALSE(equal_ignoring_case("application/json", "application/jso"));
  EXPECT_FALSE(equal_ignoring_case("@", "`"));
}

}  // namespace tailrace
