#include "aws/shape.h"

#include <gtest/gtest.h>

namespace tailrace::aws {
namespace {

using Type = Shape::Type;

bool is_name(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz.") == std::string_view::npos;
}

constexpr Shape::Pattern name_pattern{"[a-z.]+", is_name};
constexpr std::string_view modes[] = {"ON", "OFF"};
constexpr Shape name{.type = Type::text, .min = 1, .max = 5, .pattern = &name_pattern};
constexpr Shape mode{.type = Type::text, .values = modes};
constexpr Shape limit{.type = Type::integer, .min = 1, .max = 100};
constexpr Shape number{.type = Type::integer};
constexpr Shape flag{.type = Type::boolean};
constexpr Shape when{.type = Type::timestamp};
constexpr Shape data{.type = Type::blob, .min = 0, .max = 6};
constexpr Shape key{.type = Type::text, .min = 1, .max = 3};
constexpr Shape tags{.type = Type::map, .min = 1, .max = 2, .key = &key, .element = &key};
constexpr Shape keys{.type = Type::list, .min = 1, .max = 2, .element = &key};
constexpr Shape mode_list{.type = Type::list, .element = &mode};
constexpr Field record_fields[] = {{"Data", &data, true}, {"Key", &key, true}};
constexpr Shape record{.type = Type::structure, .fields = record_fields};
constexpr Shape records{.type = Type::list, .min = 1, .max = 12, .element = &record};
constexpr Field fields[] = {{"StreamName", &name}, {"Mode", &mode},       {"Limit", &limit},
                            {"Number", &number},   {"Flag", &flag},       {"When", &when},
                            {"Data", &data},       {"Tags", &tags},       {"Keys", &keys},
                            {"Modes", &mode_list}, {"Records", &records}, {"One", &record}};
constexpr Shape input{.type = Type::structure, .fields = fields};

struct Checked {
  Document document{Codec::json};
  std::optional<Failure> failure;
};

Checked checked(std::string body, Codec codec = Codec::json) {
  Checked result;
  auto read = read_document(codec, std::move(body));
  EXPECT_TRUE(read);
  if (read) result.document = std::move(*read);
  result.failure = check(result.document, input);
  return result;
}

std::string serialization_text(std::string body) {
  auto failure = checked(std::move(body)).failure;
  if (!failure) return "";
  EXPECT_EQ(failure->type, "SerializationException");
  EXPECT_EQ(failure->status, 400);
  return failure->message;
}

std::string validation_text(std::string body) {
  auto failure = checked(std::move(body)).failure;
  if (!failure) return "";
  EXPECT_EQ(failure->type, "ValidationException");
  EXPECT_EQ(failure->status, 400);
  return failure->message;
}

TEST(Shape, SettlesValuesOfTheRightType) {
  Checked result =
      checked(R"({"StreamName":"a.b","Mode":"OFF","Limit":7,"Flag":true,"When":1459799926.480,)"
              R"("Data":"Zm9vYmFy","Tags":{"a":"b"},"Unknown":[{"x":1}],"Keys":null})");
  EXPECT_FALSE(result.failure) << result.failure->message;
  const Value& root = result.document.root();
  EXPECT_EQ(root["Data"].bytes(), "foobar");
  EXPECT_EQ(root["When"].epoch_millis(), 1459799926480);
  EXPECT_TRUE(root["Flag"].boolean());
  EXPECT_TRUE(root["Keys"].is_null());
}

TEST(Shape, TakesCborsOwnBlobsAndMilliseconds) {
  // Data: bytes, When: an integer without tag, in milliseconds.
  Checked result = checked(
      "\xa2\x64"
      "Data\x42\x01\x02\x64When\x19\x03\xe8",
      Codec::cbor);
  EXPECT_FALSE(result.failure);
  EXPECT_EQ(result.document.root()["Data"].bytes(), "\x01\x02");
  EXPECT_EQ(result.document.root()["When"].epoch_millis(), 1000);
}

TEST(Shape, CutsIntegersDownTo32Bits) {
  auto number_of = [](const std::string& text) {
    Checked result = checked("{\"Number\":" + text + "}");
    EXPECT_FALSE(result.failure);
    return result.document.root()["Number"].integer();
  };
  EXPECT_EQ(number_of("2147483648"), 2147483647);
  EXPECT_EQ(number_of("-99999999999999999999999"), -2147483648);
  EXPECT_EQ(number_of("1.9"), 1);
  EXPECT_EQ(number_of("-1.5"), -2);
}

TEST(Shape, NamesWhatCannotBeConverted) {
  const std::string big = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber";
  EXPECT_EQ(serialization_text(R"({"StreamName":1})"), big + " can not be converted to an String");
  EXPECT_EQ(serialization_text(R"({"StreamName":true})"),
            "class java.lang.Boolean can not be converted to an String");
  EXPECT_EQ(serialization_text(R"({"StreamName":[]})"), "Start of list found where not expected");
  EXPECT_EQ(serialization_text(R"({"StreamName":{}})"),
            "Start of structure or map found where not expected.");
  EXPECT_EQ(serialization_text(R"({"Limit":"1"})"),
            "class java.lang.String can not be converted to an Integer");
  EXPECT_EQ(serialization_text(R"({"Flag":1})"), big + " can not be converted to an Boolean");
  EXPECT_EQ(serialization_text(R"({"Flag":"true"})"), "'TRUE' can not be converted to an Boolean");
  EXPECT_EQ(serialization_text(R"({"When":"2016-04-04T19:58:46Z"})"),
            "class java.lang.String can not be converted to milliseconds since epoch");
  EXPECT_EQ(serialization_text(R"({"Data":1})"), big + " can not be converted to a Blob");
  EXPECT_EQ(serialization_text(R"({"Keys":"a"})"), "Expected list or null");
  EXPECT_EQ(serialization_text(R"({"Tags":"a"})"), "Expected map or null");
  EXPECT_EQ(serialization_text(R"({"One":"a"})"), "Expected null");
  EXPECT_EQ(serialization_text(R"({"Records":[{"Key":1}]})"),
            big + " can not be converted to an String");
}

TEST(Shape, TellsWhyBase64IsRefused) {
  EXPECT_EQ(serialization_text(R"({"Data":"abc"})"),
            "'abc' can not be converted to a Blob: Base64 encoded length is expected a multiple of "
            "4 bytes but found: 3");
  EXPECT_EQ(serialization_text(R"({"Data":"=abc"})"),
            "'=abc' can not be converted to a Blob: Invalid Base64 character: '='");
  EXPECT_EQ(serialization_text(R"({"Data":"abc-"})"),
            "'abc-' can not be converted to a Blob: Invalid Base64 character: '-'");
  EXPECT_EQ(serialization_text(R"({"Data":"abd="})"),
            "'abd=' can not be converted to a Blob: Invalid last non-pad Base64 character "
            "dectected");
}

// Decoding in place has overwritten the beginning of the text when its end turns out wrong.
TEST(Shape, ARefusedLongBlobIsShownAsItWas) {
  std::string text;
  for (int i = 0; text.size() < 4096; ++i) text += "Zm9v";
  std::string shown = serialization_text("{\"Data\":\"" + text + "!!!!\"}");
  EXPECT_EQ(shown,
            "'" + text + "...' can not be converted to a Blob: Invalid Base64 character: '!'");
  // Padding inside a text is refused wherever it stands.
  std::string padded = text.substr(4) + "Zg==" + "Zm9v";
  EXPECT_NE(serialization_text("{\"Data\":\"" + padded + "\"}"), "");
}

TEST(Shape, ListsEachBrokenConstraint) {
  EXPECT_EQ(validation_text(R"({"StreamName":""})"),
            "2 validation errors detected: Value '' at 'streamName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-z.]+; Value '' at 'streamName' "
            "failed to satisfy constraint: Member must have length greater than or equal to 1");
  EXPECT_EQ(validation_text(R"({"Mode":"on"})"),
            "1 validation error detected: Value 'on' at 'mode' failed to satisfy constraint: "
            "Member must satisfy enum value set: [ON, OFF]");
  EXPECT_EQ(validation_text(R"({"Limit":0})"),
            "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1");
  EXPECT_EQ(validation_text(R"({"Limit":101})"),
            "1 validation error detected: Value '101' at 'limit' failed to satisfy constraint: "
            "Member must have value less than or equal to 100");
  EXPECT_EQ(validation_text(R"({"Data":"Zm9vYmFyIQ=="})"),
            "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=7 cap=7]' at "
            "'data' failed to satisfy constraint: Member must have length less than or equal to 6");
}

TEST(Shape, GivesTheListAndPlaceOfABrokenElement) {
  EXPECT_EQ(validation_text(R"({"Records":[{"Data":"","Key":"a"},{"Key":null}]})"),
            "2 validation errors detected: Value null at 'records.2.member.data' failed to satisfy "
            "constraint: Member must not be null; Value null at 'records.2.member.key' failed to "
            "satisfy constraint: Member must not be null");
  EXPECT_EQ(validation_text(R"({"Records":[null]})"),
            "1 validation error detected: Value null at 'records.1.member' failed to satisfy "
            "constraint: Member must not be null");
  EXPECT_EQ(validation_text(R"({"Keys":["a","long"]})"),
            "1 validation error detected: Value '[a, long]' at 'keys' failed to satisfy "
            "constraint: Member must satisfy constraint: [Member must have length less than or "
            "equal to 3, Member must have length greater than or equal to 1]");
  EXPECT_EQ(validation_text(R"({"Tags":{"":"x","long":"y","z":"long"}})"),
            "3 validation errors detected: Value '{=x, long=y, z=long}' at 'tags' failed to "
            "satisfy constraint: Member must have length less than or equal to 2; Value "
            "'{=x, long=y, z=long}' at 'tags' failed to satisfy constraint: Map keys must satisfy "
            "constraint: [Member must have length less than or equal to 3, Member must have length "
            "greater than or equal to 1]; Value '{=x, long=y, z=long}' at 'tags' failed to satisfy "
            "constraint: Map value must satisfy constraint: [Member must have length less than or "
            "equal to 3, Member must have length greater than or equal to 1]");
  EXPECT_EQ(validation_text(R"({"Modes":["ON","X"]})"),
            "1 validation error detected: Value '[ON, X]' at 'modes' failed to satisfy constraint: "
            "Member must satisfy constraint: [Member must satisfy enum value set: [ON, OFF]]");
}

TEST(Shape, StopsAtTenViolations) {
  std::string body = "{\"Records\":[";
  for (int i = 0; i < 12; ++i) body += i == 0 ? "{}" : ",{}";
  std::string text = validation_text(body + "]}");
  EXPECT_TRUE(text.starts_with("10 validation errors detected: "));
  EXPECT_NE(text.find("records.5.member.key"), std::string::npos);
  EXPECT_EQ(text.find("records.6"), std::string::npos);
}

TEST(Shape, CountsCharactersAndNotBytes) {
  EXPECT_EQ(validation_text("{\"Keys\":[\"\xc3\xa9\xc3\xa9\xf0\x9f\x98\x80\"]}"), "");
}

}  // namespace
}  // namespace tailrace::aws
