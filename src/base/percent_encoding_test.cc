#include "base/percent_encoding.h"

#include <gtest/gtest.h>

namespace tailrace {

TEST(PercentEncoding, OnlyUnreservedCharactersStay) {
  EXPECT_EQ(percent_encoded("azAZ09-._~"), "azAZ09-._~");
  EXPECT_EQ(percent_encoded("a b/c%\xc3\xa4+"), "a%20b%2Fc%25%C3%A4%2B");
  EXPECT_EQ(percent_encoded({"\0\x7f\xff", 3}), "%00%7F%FF");
}

TEST(PercentEncoding, SomeMayBeKept) { EXPECT_EQ(percent_encoded("/a b", "/"), "/a%20b"); }

TEST(PercentEncoding, IsDecodedToTheBytesThatWereEncoded) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(percent_decoded(percent_encoded(all)), all);
  EXPECT_EQ(percent_decoded("%c3%A4%25"), "\xc3\xa4%");
  EXPECT_EQ(percent_decoded(""), "");
}

TEST(PercentEncoding, APlusIsASpaceInFormsAlone) {
  EXPECT_EQ(percent_decoded("a+b%2B"), "a+b+");
  EXPECT_EQ(percent_decoded("a+b%2B", Plus::space), "a b+");
}

TEST(PercentEncoding, APercentSignWithoutTwoDigitsIsRefused) {
  for (const char* text : {"%", "a%", "%2", "%2g", "%g2", "%%20", "%+1"})
    EXPECT_EQ(percent_decoded(text), std::nullopt) << text;
}

}  // namespace tailrace
