#include "base/whole_number.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace tailrace {

TEST(WholeNumber, IsReadToTheEndsOfItsType) {
  EXPECT_EQ(parse_whole<std::uint64_t>("0"), 0u);
  EXPECT_EQ(parse_whole<std::uint64_t>("0042"), 42u);
  EXPECT_EQ(parse_whole<std::uint64_t>("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_whole<std::uint64_t>("18446744073709551616"), std::nullopt);
  EXPECT_EQ(parse_whole<std::int64_t>("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(parse_whole<std::uint8_t>("256"), std::nullopt);
  EXPECT_EQ(parse_whole<std::uint32_t>("fF", 16), 255u);
}

TEST(WholeNumber, ATextThatHoldsAnythingElseIsNone) {
  for (const char* text : {"", " 1", "1 ", "+1", "-", "-1", "1.0", "0x1", "1e3", "12a", "a"})
    EXPECT_EQ(parse_whole<std::uint64_t>(text), std::nullopt) << text;
}

}  // namespace tailrace
