#include "aws/value.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tailrace::aws {
namespace {

using Kind = Value::Kind;

std::string from_hex(std::string_view hex) {
  std::string bytes;
  int high = -1;
  for (char c : hex) {
    if (c == ' ') continue;
    int digit = c <= '9' ? c - '0' : c - 'a' + 10;
    if (high < 0) {
      high = digit;
    } else {
      bytes += static_cast<char>(high << 4 | digit);
      high = -1;
    }
  }
  return bytes;
}

Document json(std::string text) {
  auto document = read_document(Codec::json, std::move(text));
  EXPECT_TRUE(document) << document.error().message;
  return document ? std::move(*document) : Document(Codec::json);
}

Document cbor(std::string_view hex) {
  auto document = read_document(Codec::cbor, from_hex(hex));
  EXPECT_TRUE(document) << hex;
  return document ? std::move(*document) : Document(Codec::cbor);
}

bool refused(Codec codec, std::string body) {
  auto document = read_document(codec, std::move(body));
  return !document && document.error().fault == Fault::invalid;
}

// Which codec a request came in is not seen from its values.
TEST(Value, IsTheSameInBothCodecs) {
  Document texts = json(R"({"a":1,"b":-1,"c":true,"d":null,"e":"x","f":[1,"y"],"g":{"h":1.5}})");
  Document bytes = cbor(
      "bf 6161 01 6162 20 6163 f5 6164 f6 6165 6178 6166 9f 01 6179 ff 6167 a1 6168 "
      "fb3ff8000000000000 ff");
  for (const Document* document : {&texts, &bytes}) {
    const Value& root = document->root();
    EXPECT_EQ(root.members().size(), 7u);
    EXPECT_EQ(root["a"].integer(), 1);
    EXPECT_EQ(root["b"].integer(), -1);
    EXPECT_TRUE(root["c"].boolean());
    EXPECT_TRUE(root["d"].is_null());
    EXPECT_EQ(root["e"].text(), "x");
    ASSERT_EQ(root["f"].items().size(), 2u);
    EXPECT_EQ(root["f"].items()[1].text(), "y");
    EXPECT_EQ(root["g"]["h"].real(), 1.5);
    EXPECT_TRUE(root["nothing"].is_null());
  }
}

TEST(Value, GivesNothingWhenAskedForAnotherKind) {
  Document document = json(R"({"text":"x","list":[1]})");
  EXPECT_EQ(document.root()["text"].integer(), 0);
  EXPECT_TRUE(document.root()["text"].items().empty());
  EXPECT_TRUE(document.root()["list"].text().empty());
  EXPECT_TRUE(document.root()["list"]["x"].is_null());
  EXPECT_EQ(document.root()["absent"].integer_or(7), 7);
}

TEST(Value, OutlivesItsDocumentBeingMoved) {
  Document first = json(R"({"a":"short"})");
  Document second = std::move(first);
  EXPECT_EQ(second.root()["a"].text(), "short");
}

TEST(Json, ReadsEscapesInNamesAndTexts) {
  Document document = json(R"({"\u0061\"b":"\u00e9\n\ud83d\ude00\/","plain":"a/b"})");
  EXPECT_EQ(document.root()["a\"b"].text(), "\xc3\xa9\n\xf0\x9f\x98\x80/");
  EXPECT_EQ(document.root()["plain"].text(), "a/b");
}

TEST(Json, ReadsNumbersOfAnySize) {
  Document document =
      json(R"({"min":-9223372036854775808,"max":9223372036854775807,"more":18446744073709551616,)"
           R"("most":-123456789012345678901234567890,"real":1459799926.480,"power":1e3})");
  const Value& root = document.root();
  EXPECT_EQ(root["min"].integer(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(root["max"].integer(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(root["more"].real(), 18446744073709551616.0);
  EXPECT_EQ(root["most"].real(), -123456789012345678901234567890.0);
  EXPECT_EQ(root["real"].real(), 1459799926.480);
  EXPECT_EQ(root["power"].real(), 1000);
}

TEST(Json, OfTwoMembersWithOneNameTheLastCounts) {
  EXPECT_EQ(json(R"({"a":1,"a":2})").root()["a"].integer(), 2);
}

TEST(Json, RefusesWhatIsNoWholeObject) {
  for (const char* text : {"",
                           " ",
                           "null",
                           "1",
                           "\"a\"",
                           "[]",
                           "{",
                           "}",
                           "{}}",
                           "{} x",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{a:1}",
                           "{'a':1}",
                           "{\"a\":01}",
                           "{\"a\":1.}",
                           "{\"a\":+1}",
                           "{\"a\":.5}",
                           "{\"a\":nul}",
                           "{\"a\":nulll}",
                           "{\"a\":truefalse}",
                           "{\"a\":[1,]}",
                           "{\"a\":[1 2]}",
                           "{\"a\":\"b}",
                           "{\"a\":\"\\x\"}",
                           "{\"a\":\"\\u12\"}",
                           "{\"a\":\"\n\"}",
                           "{\"a\":NaN}",
                           "{\"a\":1}{\"b\":2}",
                           "{\"a\":\"\xff\"}",
                           "{\"a\":\"\xed\xa0\x80\"}",
                           "{\"a\":- 1}",
                           "{\"a\":123456789012345678901x}",
                           "{\"a\":0123456789012345678901}",
                           "{\"\xc3\":1}"})
    EXPECT_TRUE(refused(Codec::json, text)) << text;
}

TEST(Json, RefusesWhatIsNestedTooDeepOrHasTooManyValues) {
  auto nested = [](unsigned depth) {
    return "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_FALSE(refused(Codec::json, nested(Document::depth_max)));
  EXPECT_TRUE(refused(Codec::json, nested(Document::depth_max + 1)));
  EXPECT_TRUE(refused(Codec::json, "{\"a\":" + std::string(1'000'000, '[')));
  std::string many = "{\"a\":[";
  for (std::size_t i = 0; i < Document::values_max; ++i) many += "0,";
  EXPECT_TRUE(refused(Codec::json, many + "0]}"));
}

TEST(Cbor, ReadsIntegersOfAllWidths) {
  Document document = cbor(
      "ad 6161 17 6162 1817 6163 18ff 6164 19ffff 6165 1affffffff 6166 1b7fffffffffffffff "
      "6167 1bffffffffffffffff 6168 37 6169 38ff 616a 39ffff 616b 3affffffff "
      "616c 3b7fffffffffffffff 616d 3bffffffffffffffff");
  const Value& root = document.root();
  EXPECT_EQ(root["a"].integer(), 23);
  EXPECT_EQ(root["b"].integer(), 23);
  EXPECT_EQ(root["c"].integer(), 255);
  EXPECT_EQ(root["d"].integer(), 65535);
  EXPECT_EQ(root["e"].integer(), 4294967295);
  EXPECT_EQ(root["f"].integer(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(root["g"].real(), 18446744073709551615.0);
  EXPECT_EQ(root["h"].integer(), -24);
  EXPECT_EQ(root["i"].integer(), -256);
  EXPECT_EQ(root["j"].integer(), -65536);
  EXPECT_EQ(root["k"].integer(), -4294967296);
  EXPECT_EQ(root["l"].integer(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(root["m"].real(), -18446744073709551616.0);
}

TEST(Cbor, ReadsFloatsOfAllWidths) {
  Document document = cbor(
      "a6 6161 f93e00 6162 fa3fc00000 6163 fb3ff8000000000000 6164 f90001 6165 f97c00 6166 f97e00");
  const Value& root = document.root();
  EXPECT_EQ(root["a"].real(), 1.5);
  EXPECT_EQ(root["b"].real(), 1.5);
  EXPECT_EQ(root["c"].real(), 1.5);
  EXPECT_EQ(root["d"].real(), 5.960464477539063e-8);
  EXPECT_TRUE(std::isinf(root["e"].real()));
  EXPECT_TRUE(std::isnan(root["f"].real()));
}

TEST(Cbor, ReadsDefiniteAndOpenLengths) {
  // {"a": bytes 01 02 03 in chunks, "bc": "xyz" in chunks, "d": [1, [2]], "e": {}}
  Document document = cbor(
      "bf 6161 5f 420102 40 4103 ff 7f 6162 6163 ff 7f 6178 62797a ff 6164 82 01 9f 02 ff "
      "6165 bf ff ff");
  const Value& root = document.root();
  EXPECT_EQ(root["a"].bytes(), std::string_view("\x01\x02\x03", 3));
  EXPECT_EQ(root["bc"].text(), "xyz");
  EXPECT_EQ(root["d"].items()[1].items()[0].integer(), 2);
  EXPECT_EQ(root["e"].kind(), Kind::map);
  // An empty request as AWS's SDK for Java writes it.
  EXPECT_TRUE(cbor("bf ff").root().members().empty());
}

TEST(Cbor, ReadsTagOneAsMillisecondsUnlessItIsAFloat) {
  EXPECT_EQ(cbor("a1 6174 c1 1b00000153e2db26d0").root()["t"].epoch_millis(), 1459799926480);
  // RFC 8949's own form, in seconds.
  EXPECT_EQ(cbor("a1 6174 c1 fb41d5c0b1dda00000").root()["t"].epoch_millis(), 1459799926500);
  EXPECT_TRUE(refused(Codec::cbor, from_hex("a1 6174 c1 6178")));
  EXPECT_TRUE(refused(Codec::cbor, from_hex("a1 6174 c1 f97c00")));
  // Another tag changes nothing.
  EXPECT_EQ(cbor("a1 6174 d818 05").root()["t"].integer(), 5);
}

TEST(Cbor, RefusesWhatIsNoWholeMap) {
  for (const char* hex : {"",
                          "00",
                          "80",
                          "9fff",
                          "ff",
                          "f6",
                          "a1",
                          "a16161",
                          "bf",
                          "bf6161",
                          "bf6161ff",
                          "bf01",
                          "a10102",
                          "a16161ff",
                          "a0a0",
                          "bfff00",
                          "1c",
                          "a161611c",
                          "a161611d",
                          "a161611e",
                          "a161611f",
                          "a161613f",
                          "a16161f8",
                          "a16161f800",
                          "a16161fc",
                          "a16161e0",
                          "a16161dfff",
                          "a16161 7f 4161 ff",
                          "a16161 5f 6161 ff",
                          "a16161 7f 7f6161ff ff",
                          "a16161 61ff",
                          "a1 61ff 00"})
    EXPECT_TRUE(refused(Codec::cbor, from_hex(hex))) << hex;
}

// Lengths are held against what is there before anything is allocated for them.
TEST(Cbor, RefusesHostileLengths) {
  for (const char* hex :
       {"bb7fffffffffffffff", "a16161 5b7fffffffffffffff", "a16161 7b00000000ffffffff",
        "a16161 9bffffffffffffffff", "a16161 9a00010000 00", "ba00000002 6161 00",
        "a16161 5f 5b7fffffffffffffff ff"})
    EXPECT_TRUE(refused(Codec::cbor, from_hex(hex))) << hex;
}

TEST(Cbor, RefusesWhatIsNestedTooDeepOrHasTooManyValues) {
  std::string deep = from_hex("bf6161") + std::string(1'000'000, '\x9f');
  EXPECT_TRUE(refused(Codec::cbor, deep));
  EXPECT_TRUE(refused(Codec::cbor, from_hex("bf6161") + std::string(1'000'000, '\xc2')));
  std::string many = from_hex("bf6161 9f") + std::string(Document::values_max, '\xf6');
  EXPECT_TRUE(refused(Codec::cbor, many + from_hex("ffff")));
}

}  // namespace
}  // namespace tailrace::aws
