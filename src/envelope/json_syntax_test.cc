#include "envelope/json_syntax.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>

namespace tailrace::envelope {

TEST(JsonSyntax, KnowsANumber) {
  for (const char* text : {"0", "-0", "7", "-17", "9223372036854775807", "0.50", "1e+20", "1.5e-07",
                           "3E2", "123456789012345678901234567890.123456789"})
    EXPECT_TRUE(is_json_number(text)) << text;
  for (const char* text : {"", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "NaN", "Infinity",
                           "-Infinity", "0x10", "1 ", " 1", "1,2", "1\n"})
    EXPECT_FALSE(is_json_number(text)) << text;
}

TEST(JsonSyntax, KnowsAValue) {
  for (const char* text : {"null", "true", "false", "0", "\"\"", "\"a\\\"\\u00e9\\n\"", "[]", "{}",
                           "[1,[],{}]", " { \"a\" : [ 1 , null ] , \"b\" : { } }\n",
                           "{\"a\":1,\"a\":2}", "\"\\ud800\"", "\"\x7f\""})
    EXPECT_TRUE(is_json(text)) << text;
  for (const char* text :
       {"",        " ",        "nul",         "nulll",   "True",      "'a'",   "\"",
        "\"\\\"",  "\"\\x\"",  "\"\\u12g4\"", "\"\\u12", "\"\n\"",    "[",     "]",
        "[1",      "[1,",      "[1,]",        "[,1]",    "[1 2]",     "{",     "{\"a\"",
        "{\"a\":", "{\"a\":1", "{\"a\":1,}",  "{a:1}",   "{\"a\" 1}", "{1:1}", "[}",
        "{]",      "[1}",      "1 2",         "{}{}",    "-",         "01"})
    EXPECT_FALSE(is_json(text)) << text;
  EXPECT_FALSE(is_json(std::string_view("1\0", 2)));
}

TEST(JsonSyntax, RefusesNestingBeyondItsLimit) {
  auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(is_json(nested(json_depth_max)));
  EXPECT_FALSE(is_json(nested(json_depth_max + 1)));
  EXPECT_FALSE(is_json(std::string(1'000'000, '[')));
}

TEST(JsonSyntax, AgreesWithAnotherParserOnRandomTexts) {
  constexpr std::uint32_t seed = 20260105;
  std::mt19937 random(seed);
  const std::string_view pieces[] = {"{",    "}",    "[", "]",       ",",    ":", "\"a\"", "1",
                                     "-2.5", "null", " ", "\"\\n\"", "true", "0", "\""};
  std::size_t valid = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string text;
    for (std::size_t count = 1 + random() % 7; count > 0; --count)
      text += pieces[random() % std::size(pieces)];
    bool expected = nlohmann::json::accept(text);
    ASSERT_EQ(is_json(text), expected) << text << " seed " << seed;
    valid += expected;
  }
  EXPECT_GT(valid, 1000u);
}

}  // namespace tailrace::envelope
