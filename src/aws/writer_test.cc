#include "aws/writer.h"

#include <gtest/gtest.h>

#include "base/hex.h"

namespace tailrace::aws {
namespace {

std::string written(Codec codec, const std::function<void(Writer&)>& write) {
  std::string out;
  write(*make_writer(codec, out));
  return out;
}

void sample(Writer& writer) {
  writer.begin_map();
  writer.text("Name", "a");
  writer.begin_list("List");
  writer.begin_map();
  writer.end_map();
  writer.integer(-1);
  writer.end_list();
  writer.boolean("Flag", true);
  writer.blob("Data", std::string_view("\0\xff", 2));
  writer.end_map();
}

TEST(Writer, NestsMapsAndLists) {
  EXPECT_EQ(written(Codec::json, sample),
            R"({"Name":"a","List":[{},-1],"Flag":true,"Data":"AP8="})");
  EXPECT_EQ(hex(written(Codec::cbor, sample)),
            "bf644e616d656161644c6973749fbfff20ff64466c6167f564446174614200ffff");
}

TEST(Writer, WritesTimestampsAsTheClientsReadThem) {
  auto stamp = [](std::int64_t millis) {
    return [millis](Writer& writer) { writer.timestamp(millis); };
  };
  EXPECT_EQ(written(Codec::json, stamp(1459799926480)), "1459799926.480");
  EXPECT_EQ(written(Codec::json, stamp(1459799926000)), "1459799926");
  EXPECT_EQ(written(Codec::json, stamp(-1)), "-0.001");
  EXPECT_EQ(hex(written(Codec::cbor, stamp(1459799926480))), "c11b00000153e2db26d0");
}

TEST(Writer, WritesIntegersInTheirShortestForm) {
  auto number = [](std::int64_t value) {
    return hex(written(Codec::cbor, [value](Writer& writer) { writer.integer(value); }));
  };
  EXPECT_EQ(number(23), "17");
  EXPECT_EQ(number(24), "1818");
  EXPECT_EQ(number(255), "18ff");
  EXPECT_EQ(number(256), "190100");
  EXPECT_EQ(number(65536), "1a00010000");
  EXPECT_EQ(number(4294967296), "1b0000000100000000");
  EXPECT_EQ(number(-24), "37");
  EXPECT_EQ(number(std::numeric_limits<std::int64_t>::min()), "3b7fffffffffffffff");
}

TEST(Writer, EscapesTextsAndMendsWhatIsNoUtf8) {
  auto text = [](Codec codec, std::string_view value) {
    return written(codec, [value](Writer& writer) { writer.text(value); });
  };
  EXPECT_EQ(text(Codec::json, "a\"b\\c\n\r\t\x01\xc3\xa9"),
            "\"a\\\"b\\\\c\\n\\r\\t\\u0001\xc3\xa9\"");
  EXPECT_EQ(text(Codec::json, "a\xff\xc3\xa9\xe2\x82"),
            "\"a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\"");
  EXPECT_EQ(hex(text(Codec::cbor, "\xff")), "63efbfbd");
}

// What one side writes the other reads.
TEST(Writer, IsReadBackByTheReaders) {
  for (Codec codec : {Codec::json, Codec::cbor}) {
    auto document = read_document(codec, written(codec, sample));
    ASSERT_TRUE(document);
    EXPECT_EQ(document->root()["Name"].text(), "a");
    EXPECT_EQ(document->root()["List"].items()[1].integer(), -1);
    EXPECT_TRUE(document->root()["Flag"].boolean());
  }
}

}  // namespace
}  // namespace tailrace::aws
