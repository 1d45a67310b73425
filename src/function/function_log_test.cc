#include "function/function_log.h"

#include <gtest/gtest.h>

namespace tailrace::function {
namespace {

using Lines = std::vector<std::string>;

TEST(LineCutterTest, LinesEndAtLineFeedsAndCarriageReturns) {
  LineCutter cutter;
  Lines lines;
  auto sink = [&](std::string line) { lines.push_back(std::move(line)); };
  cutter.add("one\ntw", sink);
  cutter.add("o\rthree\r\n\nfour", sink);
  cutter.finish(sink);
  EXPECT_EQ(lines, (Lines{"one", "two", "three", "four"}));
}

TEST(LineCutterTest, WhatIsTooMuchIsCountedAndTheCountStartsAnew) {
  LineCutter cutter;
  Lines lines;
  auto sink = [&](std::string line) { lines.push_back(std::move(line)); };
  cutter.add(std::string(LineCutter::line_bytes_max + 5, 'a') + "\nb\n", sink);
  cutter.finish(sink);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].size(), LineCutter::line_bytes_max);
  EXPECT_EQ(lines[1], "b");
  EXPECT_EQ(lines[2], "[output limit reached: 5 bytes were dropped]");
  lines.clear();
  cutter.add("c\n", sink);
  cutter.finish(sink);
  EXPECT_EQ(lines, (Lines{"c"}));
}

TEST(LineCutterTest, EmptyLinesAreNotKept) {
  LineCutter cutter;
  Lines lines;
  auto sink = [&](std::string line) { lines.push_back(std::move(line)); };
  cutter.add(std::string(LineCutter::invocation_bytes_max + 1, '\n') + "late\n", sink);
  cutter.finish(sink);
  EXPECT_EQ(lines, (Lines{"[output limit reached: 4 bytes were dropped]"}));
}

TEST(NeutralisedTest, ControlsAndBrokenTextBecomeVisible) {
  EXPECT_EQ(neutralised("a\tb \x1b[31m\x07\x7f"), "a\tb \\x1b[31m\\x07\\x7f");
  EXPECT_EQ(neutralised("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"),
            "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80");
  EXPECT_EQ(neutralised("\xc2\x9b"
                        "31m"),
            "\\x9b31m");
  EXPECT_EQ(neutralised("\xff\xc3(\xed\xa0\x80"),
            "\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(neutralised(std::string("\0", 1)), "\\x00");
}

TEST(TailTest, BeginsAtAWholeCharacter) {
  EXPECT_EQ(tail_of("abc", 5), "abc");
  EXPECT_EQ(tail_of("abc", 2), "bc");
  EXPECT_EQ(tail_of("\xc3\xbc"
                    "bc",
                    3),
            "bc");
}

TEST(FunctionLogTest, KeepsTheNewestLinesAndNumbersThem) {
  FunctionLog log;
  int woken = 0;
  log.subscribe(1, [&] { ++woken; });
  for (int i = 1; i <= 5000; ++i) log.add({0, {}, "", std::to_string(i)});
  auto lines = log.after(0, 10);
  ASSERT_EQ(lines.size(), 10u);
  EXPECT_EQ(lines[0].number, 1001u);
  EXPECT_EQ(lines[0].text, "1001");
  EXPECT_EQ(log.after(4998, 10).size(), 2u);
  EXPECT_TRUE(log.after(5000, 10).empty());
  EXPECT_TRUE(log.after(9999, 10).empty());
  EXPECT_EQ(woken, 5000);
  EXPECT_TRUE(log.unsubscribe(1));
  log.add({});
  EXPECT_EQ(woken, 5000);
}

}  // namespace
}  // namespace tailrace::function
