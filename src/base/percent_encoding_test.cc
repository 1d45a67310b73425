#include "base/percent_encoding.h"

#include <gtest/gtest.h>

namespace tailrace {

TEST(PercentEncoding, OnlyUnreservedCharactersStay) {
  EXPECT_EQ(percent_encoded("azAZ09-._~"), "azAZ09-._~");
  EXPECT_EQ(percent_encoded("a b/c%\xc3\xa4+"), "a%20b%2Fc%25%C3%A4%2B");
  EXPECT_EQ(percent_encoded({"\0\x7f\xff", 3}), "%00%7F%FF");
}

TEST(PercentEncoding, SomeMayBeKept) { EXPECT_EQ(percent_encoded("/a b", "/"), "/a%20b"); }

}  // namespace tailrace
