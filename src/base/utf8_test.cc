#include "base/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace tailrace {
namespace {

TEST(Utf8, TextInManyScriptsIsWellFormed) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("plain text, longer than eight bytes"));
  EXPECT_TRUE(is_utf8("häßlich, привет, 日本語, 🏁 and then some"));
  EXPECT_TRUE(is_utf8("\xed\x9f\xbf"));      // U+D7FF, below the surrogates
  EXPECT_TRUE(is_utf8("\xf4\x8f\xbf\xbf"));  // U+10FFFF
  EXPECT_TRUE(is_utf8(std::string_view("\0", 1)));
}

TEST(Utf8, WhatOtherDecodersWouldReadDifferentlyIsRefused) {
  EXPECT_FALSE(is_utf8("\xc0\xaf"));          // overlong slash
  EXPECT_FALSE(is_utf8("\xe0\x9f\xbf"));      // overlong
  EXPECT_FALSE(is_utf8("\xf0\x8f\xbf\xbf"));  // overlong
  EXPECT_FALSE(is_utf8("\xed\xa0\x80"));      // a surrogate
  EXPECT_FALSE(is_utf8("\xf4\x90\x80\x80"));  // above U+10FFFF
  EXPECT_FALSE(is_utf8("\x80"));              // a continuation alone
  EXPECT_FALSE(is_utf8("\xff"));
}

TEST(Utf8, ASequenceCutOffAnywhereIsRefused) {
  const std::string whole = "eight by\xf0\x9f\x8f\x81";
  for (std::size_t size = 9; size < whole.size(); ++size)
    EXPECT_FALSE(is_utf8(std::string_view(whole).substr(0, size))) << size;
  EXPECT_TRUE(is_utf8(whole));
}

}  // namespace
}  // namespace tailrace
