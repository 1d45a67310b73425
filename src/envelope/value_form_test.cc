#include "envelope/value_form.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/json_text.h"
#include "envelope/json_syntax.h"

namespace tailrace::envelope {
namespace {

std::string value(Format format, ValueKind kind, std::string_view text) {
  Buffer out;
  append_value(out, form_of(format, kind), text);
  return std::string(out.view());
}

struct Rendering {
  ValueKind kind;
  std::string_view text;
  std::string dms, flat, debezium;
};

std::string same(std::string_view text) { return json_string(text); }

}  // namespace

TEST(ValueForm, EveryKindHasItsFormInEveryFormat) {
  const Rendering renderings[] = {
      {ValueKind::boolean, "t", R"("true")", "true", "true"},
      {ValueKind::boolean, "f", R"("false")", "false", "false"},
      {ValueKind::integer, "-42", "-42", "-42", "-42"},
      {ValueKind::integer, "9223372036854775807", "9223372036854775807", "9223372036854775807",
       "9223372036854775807"},
      {ValueKind::floating, "1.5e-07", "1.5e-07", "1.5e-07", "1.5e-07"},
      {ValueKind::floating, "NaN", R"("NaN")", R"("NaN")", R"("NaN")"},
      {ValueKind::floating, "-Infinity", R"("-Infinity")", R"("-Infinity")", R"("-Infinity")"},
      {ValueKind::numeric, "12345678901234567890.00100", "12345678901234567890.00100",
       "12345678901234567890.00100", R"("12345678901234567890.00100")"},
      {ValueKind::numeric, "NaN", R"("NaN")", R"("NaN")", R"("NaN")"},
      {ValueKind::text, "a \"b\"\n", R"("a \"b\"\n")", R"("a \"b\"\n")", R"("a \"b\"\n")"},
      {ValueKind::json, R"({"a": [1, "x"]})", R"("{\"a\": [1, \"x\"]}")", R"({"a": [1, "x"]})",
       R"("{\"a\": [1, \"x\"]}")"},
      {ValueKind::bytes, "\\x68692f", R"("0x68692f")", R"("aGkv")", R"("aGkv")"},
      {ValueKind::bytes, "\\x", R"("0x")", R"("")", R"("")"},
      {ValueKind::date, "2026-01-31", R"("2026-01-31")", R"("2026-01-31")", "20484"},
      {ValueKind::date, "0044-03-15 BC", R"("0044-03-15 BC")", R"("0044-03-15 BC")", "-735160"},
      {ValueKind::date, "infinity", R"("infinity")", R"("infinity")", R"("infinity")"},
      {ValueKind::time, "10:00:00.5", R"("10:00:00.5")", R"("10:00:00.5")", "36000500000"},
      {ValueKind::time, "24:00:00", R"("24:00:00")", R"("24:00:00")", "86400000000"},
      {ValueKind::timetz, "10:00:00+05:30", R"("10:00:00+05:30")", R"("10:00:00+05:30")",
       R"("04:30:00Z")"},
      {ValueKind::timestamp, "2026-01-31 10:00:00", R"("2026-01-31T10:00:00Z")",
       R"("2026-01-31T10:00:00")", "1769853600000000"},
      {ValueKind::timestamp, "2026-01-31 10:00:00.25", R"("2026-01-31T10:00:00.25Z")",
       R"("2026-01-31T10:00:00.25")", "1769853600250000"},
      {ValueKind::timestamp, "0044-03-15 12:00:00 BC", R"("0044-03-15 12:00:00 BC")",
       R"("0044-03-15 12:00:00 BC")", "-63517780800000000"},
      {ValueKind::timestamp, "infinity", R"("infinity")", R"("infinity")", R"("infinity")"},
      {ValueKind::timestamptz, "2026-01-31 10:00:00.123456+00", R"("2026-01-31T10:00:00.123456Z")",
       R"("2026-01-31T10:00:00.123456Z")", R"("2026-01-31T10:00:00.123456Z")"},
      {ValueKind::timestamptz, "12026-01-31 10:00:00+00", R"("12026-01-31 10:00:00+00")",
       R"("12026-01-31 10:00:00+00")", R"("12026-01-31 10:00:00+00")"},
      {ValueKind::timestamptz, "-infinity", R"("-infinity")", R"("-infinity")", R"("-infinity")"},
      {ValueKind::array, R"({a,"b c",NULL})", R"("{a,\"b c\",NULL}")", R"("{a,\"b c\",NULL}")",
       R"("{a,\"b c\",NULL}")"},
  };
  for (const Rendering& one : renderings) {
    EXPECT_EQ(value(Format::dms, one.kind, one.text), one.dms) << one.text;
    EXPECT_EQ(value(Format::flat, one.kind, one.text), one.flat) << one.text;
    EXPECT_EQ(value(Format::cloudevents, one.kind, one.text), one.flat) << one.text;
    EXPECT_EQ(value(Format::debezium, one.kind, one.text), one.debezium) << one.text;
  }
}

TEST(ValueForm, ATextThatDoesNotFitBecomesAStringOfItself) {
  for (Format format : {Format::dms, Format::flat, Format::debezium}) {
    for (std::string_view text :
         {"", "maybe", "1\"2", "\\", "\\xzz", "\\\"", "2026-01-31 10:00:00+00 "}) {
      for (int kind = 0; kind <= static_cast<int>(ValueKind::array); ++kind)
        EXPECT_EQ(value(format, static_cast<ValueKind>(kind), text), same(text)) << kind;
    }
  }
}

TEST(ValueForm, BytesOfAnyLengthBecomeBase64) {
  std::string digits = "\\x", bytes;
  for (int i = 0; i < 2000; ++i) {
    char pair[3];
    std::snprintf(pair, sizeof pair, "%02x", i % 256);
    digits += pair;
    bytes += static_cast<char>(i);
  }
  for (std::size_t size : {1u, 2u, 3u, 767u, 768u, 769u, 1536u, 2000u})
    EXPECT_EQ(value(Format::flat, ValueKind::bytes, digits.substr(0, 2 + 2 * size)),
              "\"" + base64(bytes.substr(0, size)) + "\"");
  EXPECT_EQ(value(Format::flat, ValueKind::bytes, "\\x" + std::string(2000, 'g')),
            same("\\x" + std::string(2000, 'g')));
}

TEST(ValueForm, JsonNestedTooDeepForCommonParsersStaysAString) {
  std::string deep = std::string(json_depth_max + 1, '[') + std::string(json_depth_max + 1, ']');
  EXPECT_EQ(value(Format::flat, ValueKind::json, deep), same(deep));
  deep = deep.substr(1, deep.size() - 2);
  EXPECT_EQ(value(Format::flat, ValueKind::json, deep), deep);
}

}  // namespace tailrace::envelope
