#include "base/hex.h"

#include <gtest/gtest.h>

namespace tailrace {

TEST(Hex, EveryByteIsTwoDigitsAndComesBack) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  EXPECT_EQ(hex(bytes).substr(0, 34), "000102030405060708090a0b0c0d0e0f10");
  EXPECT_EQ(hex("\xff"), "ff");
  EXPECT_EQ(from_hex(hex(bytes)), bytes);
  EXPECT_EQ(from_hex(""), "");
}

TEST(Hex, DigitsAreReadInEitherCase) { EXPECT_EQ(from_hex("4a4B"), "JK"); }

TEST(Hex, WhatIsNotPairsOfDigitsIsRefused) {
  for (const char* text : {"a", "4a4", "zz", "0x", " 4a", "4a ", "4\n", "-1", "+1", "g0", "0G"})
    EXPECT_EQ(from_hex(text), std::nullopt) << text;
}

}  // namespace tailrace
