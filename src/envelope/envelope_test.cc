#include "envelope/envelope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "envelope/test_table.h"

namespace tailrace::envelope {
namespace {

using nlohmann::json;

// The rows that the document's examples are about.
const std::vector<Value> row = {text("8"), text("A-101"), text("1"), text(R"({"color": "red"})"),
                                text("2026-01-05 10:05:00.009+00")};
const std::vector<Value> more = {text("8"), text("A-101"), text("2"), text(R"({"color": "blue"})"),
                                 null_value};
const std::vector<Value> unfilled = {text("8"), text("A-101"), text("2"), unchanged_value,
                                     null_value};
const std::vector<Value> renumbered = {text("9"), text("A-101"), text("2"), null_value, null_value};
const std::vector<Value> old_key = {text("8"), absent_value, absent_value, absent_value,
                                    absent_value};

const Change load{.operation = Operation::load, .after = row};
const Change insert{.operation = Operation::insert, .after = row, .ordinal = 1};
const Change update{.operation = Operation::update, .before = row, .after = more, .ordinal = 2};
const Change partial{.operation = Operation::update, .after = unfilled, .ordinal = 2};
const Change remove_row{.operation = Operation::remove, .before = old_key, .ordinal = 3};
const Change truncate{.operation = Operation::truncate, .ordinal = 4};
const Change key_change{
    .operation = Operation::update, .before = old_key, .after = renumbered, .ordinal = 5};

Context half_of(Context::Half half) {
  Context where = context;
  where.half = half;
  return where;
}

std::string load_complete_of(Format format) {
  Buffer out;
  TableEnvelope::make(format, PartitionBy::primary_key, source, item_table())
      ->append_load_complete(out, 1200000, load_context);
  return std::string(out.view());
}

// The message of each kind, by the name that the document gives its example.
std::string example(Format format, const std::string& kind) {
  Table table = item_table();
  if (kind == "load") return message_of(format, table, load, load_context);
  if (kind == "insert") return message_of(format, table, insert, context);
  if (kind == "update") return message_of(format, table, update, context);
  if (kind == "unchanged") return message_of(format, table, partial, context);
  if (kind == "delete") return message_of(format, table, remove_row, context);
  if (kind == "truncate") return message_of(format, table, truncate, context);
  if (kind == "old-key")
    return message_of(format, table, key_change, half_of(Context::Half::old_key));
  if (kind == "new-key")
    return message_of(format, table, key_change, half_of(Context::Half::new_key));
  return load_complete_of(format);
}

constexpr const char* kinds[] = {"load",     "insert",  "update",  "unchanged",    "delete",
                                 "truncate", "old-key", "new-key", "load-complete"};

// The examples of docs/messages.md by their names, "<format> <kind>". Each stands in a json block
// after <!-- example: NAME -->, broken into lines that are indented as reads best.
std::map<std::string, std::string> documented_examples() {
  std::ifstream file(DOCS_DIR "/messages.md");
  std::map<std::string, std::string> examples;
  std::string line, name;
  bool inside = false;
  while (std::getline(file, line)) {
    constexpr std::string_view mark = "<!-- example: ";
    if (line.starts_with(mark)) {
      name = line.substr(mark.size(), line.find(" -->") - mark.size());
    } else if (line.starts_with("```")) {
      inside = !inside && !name.empty();
      if (!inside) name.clear();
    } else if (inside) {
      examples[name] += line.substr(std::min(line.find_first_not_of(' '), line.size()));
    }
  }
  return examples;
}

// What the document shows. It leaves out what differs from its other examples in no new way.
bool is_documented(Format format, std::string_view kind) {
  switch (format) {
    case Format::dms:
    case Format::flat:
      return true;
    case Format::debezium:
      return kind != "old-key" && kind != "new-key";
    case Format::cloudevents:
      return kind == "insert" || kind == "load-complete";
  }
  return false;
}

}  // namespace

TEST(Envelope, WritesTheExamplesOfTheDocument) {
  std::map<std::string, std::string> documented = documented_examples();
  for (Format format : formats) {
    for (const char* kind : kinds) {
      if (!is_documented(format, kind)) continue;
      std::string name = std::string(name_of(format)) + " " + kind;
      std::string written = example(format, kind);
      std::string version = R"("version":")" TAILRACE_VERSION "\"";
      if (auto at = written.find(version); at != std::string::npos)
        written.replace(at, version.size(), R"("version":"0.1.0")");
      EXPECT_EQ(documented[name], written) << name;
      documented.erase(name);
    }
  }
  EXPECT_TRUE(documented.empty()) << "no message is " << documented.begin()->first;
}

TEST(Envelope, ACloudEventCarriesTheFlatMessage) {
  const std::map<std::string, std::string> types = {
      {"load", "io.tailrace.row.load"},
      {"insert", "io.tailrace.row.insert"},
      {"update", "io.tailrace.row.update"},
      {"unchanged", "io.tailrace.row.update"},
      {"delete", "io.tailrace.row.delete"},
      {"truncate", "io.tailrace.table.truncate"},
      {"old-key", "io.tailrace.row.delete"},
      {"new-key", "io.tailrace.row.insert"},
      {"load-complete", "io.tailrace.table.load-complete"}};
  for (const auto& [kind, type] : types) {
    json event = json::parse(example(Format::cloudevents, kind));
    EXPECT_EQ(event["type"], type);
    EXPECT_EQ(event["data"], json::parse(example(Format::flat, kind)));
    EXPECT_EQ(event["id"], event["data"]["event-id"]);
    bool is_load = kind.starts_with("load");
    EXPECT_EQ(event["time"],
              is_load ? json("2026-01-05T10:02:11.120331Z") : event["data"]["commit-timestamp"]);
    EXPECT_EQ(event["subject"], kind == "truncate" || kind == "load-complete" ? "shop.item"
                                : kind == "new-key"                           ? "shop.item/9"
                                                                              : "shop.item/8");
  }
}

TEST(Envelope, AKeyChangeInDebeziumIsADeleteAndACreate) {
  json old_half = json::parse(example(Format::debezium, "old-key"));
  EXPECT_EQ(old_half["op"], "d");
  EXPECT_EQ(old_half["before"], json({{"id", 8}}));
  EXPECT_TRUE(old_half["after"].is_null());
  EXPECT_EQ(old_half["key-change"], "old-key");
  json new_half = json::parse(example(Format::debezium, "new-key"));
  EXPECT_EQ(new_half["op"], "c");
  EXPECT_EQ(new_half["before"], json({{"id", 8}}));
  EXPECT_EQ(new_half["after"]["id"], 9);
  EXPECT_EQ(new_half["key-change"], "new-key");
  EXPECT_EQ(old_half["transaction"], new_half["transaction"]);
}

TEST(Envelope, EveryMessageIsOneLineOfJson) {
  for (Format format : formats) {
    for (const char* kind : kinds) {
      std::string message = example(format, kind);
      EXPECT_TRUE(json::accept(message)) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos);
    }
  }
}

TEST(Envelope, FormatsAreKnownByTheirNames) {
  for (Format format : formats) EXPECT_EQ(parse_format(name_of(format)), format);
  EXPECT_EQ(parse_format("avro"), std::nullopt);
}

TEST(Envelope, EventIdsAreStableAndTellTheirSourceApart) {
  EXPECT_EQ(event_id(source, insert, context), "6a1b2c3d4e5f6071-1-1a000028-1a2b3c40-1");
  EXPECT_EQ(event_id(source, key_change, half_of(Context::Half::old_key)),
            "6a1b2c3d4e5f6071-1-1a000028-1a2b3c40-5-old");
  EXPECT_EQ(event_id(source, key_change, half_of(Context::Half::new_key)),
            "6a1b2c3d4e5f6071-1-1a000028-1a2b3c40-5-new");
  Table table = item_table();
  Change of_table = load;
  of_table.table = &table;
  EXPECT_EQ(event_id(source, of_table, load_context),
            "6a1b2c3d4e5f6071-1-1a000028-load-1a2b0000-16390-7");
}

TEST(Envelope, EveryMessageCarriesTheEventIdOfItsChange) {
  Table table = item_table();
  for (Format format : formats) {
    for (Change change : {load, insert, update, remove_row, truncate}) {
      change.table = &table;
      const Context& where = change.operation == Operation::load ? load_context : context;
      json message = json::parse(message_of(format, table, change, where));
      const json& holder = format == Format::dms ? message["metadata"] : message;
      EXPECT_EQ(holder[format == Format::cloudevents ? "id" : "event-id"],
                event_id(source, change, where));
    }
  }
}

TEST(Envelope, OnlyTheTimeOfMakingDiffersWhenAChangeIsCapturedAgain) {
  Context later = context;
  later.now += std::chrono::hours(3);
  for (Format format : formats) {
    json first = json::parse(message_of(format, item_table(), update, context));
    json again = json::parse(message_of(format, item_table(), update, later));
    if (format == Format::dms) again["metadata"]["timestamp"] = first["metadata"]["timestamp"];
    if (format == Format::debezium) again["ts_ms"] = first["ts_ms"];
    EXPECT_EQ(first, again);
  }
}

TEST(Envelope, AKeylessTableIsPartitionedByItsName) {
  Table keyless = item_table();
  keyless.columns[0].key_position = 0;
  json dms = json::parse(message_of(Format::dms, keyless, insert, context));
  EXPECT_EQ(dms["metadata"]["partition-key-type"], "schema-table");
  EXPECT_FALSE(dms["metadata"].contains("partition-key-value"));
  json event = json::parse(message_of(Format::cloudevents, keyless, insert, context));
  EXPECT_EQ(event["subject"], "shop.item");
  EXPECT_EQ(event["partitionkey"], "shop.item");
}

TEST(Envelope, ASubjectNamesTheRowHoweverMessagesArePartitioned) {
  json event = json::parse(
      message_of(Format::cloudevents, item_table(), insert, context, PartitionBy::schema_table));
  EXPECT_EQ(event["subject"], "shop.item/8");
  EXPECT_EQ(event["partitionkey"], "shop.item");
}

TEST(Envelope, AnUpdateWithoutItsOldRowHasNoBeforeImage) {
  Change alone = update;
  alone.before = {};
  EXPECT_FALSE(
      json::parse(message_of(Format::dms, item_table(), alone, context)).contains("before-image"));
  EXPECT_FALSE(
      json::parse(message_of(Format::flat, item_table(), alone, context)).contains("before-data"));
  EXPECT_TRUE(
      json::parse(message_of(Format::debezium, item_table(), alone, context))["before"].is_null());
}

TEST(Envelope, KeepsTheNumbersOfManyTransactionsApart) {
  for (Format format : formats) {
    auto envelope = TableEnvelope::make(format, PartitionBy::primary_key, source, item_table());
    for (std::uint32_t i = 0; i < 3; ++i) {
      Transaction other = transaction;
      other.xid += i;
      other.commit.value += i;
      other.commit_time += std::chrono::milliseconds(400) * i;
      Context where = context;
      where.transaction = &other;
      Buffer out;
      envelope->append(out, insert, where);
      EXPECT_EQ(out.view(), message_of(format, item_table(), insert, where));
    }
  }
}

TEST(Envelope, OddNamesAreEscaped) {
  const Source odd{.task = "t", .database = "d\"b/ü", .server_version = "15", .generation = {}};
  Table table{.oid = 1,
              .schema = "s\"\n",
              .name = "t\\",
              .columns = {{.name = "c\"\x01", .kind = ValueKind::integer, .key_position = 1}}};
  std::vector<Value> one = {text("1")};
  for (Format format : formats) {
    Buffer out;
    TableEnvelope::make(format, PartitionBy::primary_key, odd, table)
        ->append(out, {.operation = Operation::insert, .after = one, .ordinal = 1}, context);
    ASSERT_TRUE(json::accept(out.view())) << out.view();
    json message = json::parse(out.view());
    switch (format) {
      case Format::dms:
        EXPECT_EQ(message["data"]["c\"\x01"], 1);
        EXPECT_EQ(message["metadata"]["schema-name"], "s\"\n");
        EXPECT_EQ(message["metadata"]["partition-key-value"], "s\"\n.t\\.1");
        break;
      case Format::flat:
        EXPECT_EQ(message["table-name"], "t\\");
        break;
      case Format::debezium:
        EXPECT_EQ(message["source"]["db"], "d\"b/ü");
        break;
      case Format::cloudevents:
        EXPECT_EQ(message["source"], "/tailrace/t/d%22b%2F%C3%BC");
        break;
    }
  }
}

// Random rows of every kind of value, with texts from well-formed to odd.
class EnvelopeRandomTest : public ::testing::TestWithParam<Format> {
 protected:
  static constexpr std::uint32_t seed = 4711;

  std::string random_text() {
    static const std::string_view pieces[] = {
        "a",        "\"",       "\\",  "\n", "\x01",      "\x7f", "ü", "𝄞",   "\xe2\x80\xa8",
        "{",        "}",        "[",   "]",  ",",         ":",    "0", "17",  "-",
        ".",        "null",     " ",   "/",  "</script>", "\\x",  "t", "+00", "2026-01-31",
        "10:00:00", "infinity", "NaN", " BC"};
    std::string made;
    for (std::size_t count = random_() % 6; count > 0; --count)
      made += pieces[random_() % std::size(pieces)];
    return made;
  }

  std::string random_value(ValueKind kind) {
    if (random_() % 3 == 0) return random_text();
    std::string number = std::to_string(static_cast<std::int32_t>(random_()));
    switch (kind) {
      case ValueKind::boolean:
        return random_() % 2 ? "t" : "f";
      case ValueKind::integer:
        return number;
      case ValueKind::floating:
        return random_() % 4 ? number + ".5e-3" : "NaN";
      case ValueKind::numeric:
        return number + "." + std::to_string(random_());
      case ValueKind::json:
        return json{{random_text(), number}, {"list", {1, nullptr}}}.dump();
      case ValueKind::bytes:
        return "\\x00ff" + std::string(random_() % 2000 * 2, 'a');
      case ValueKind::date:
        return random_() % 2 ? "2026-01-31" : "0044-03-15 BC";
      case ValueKind::time:
        return "23:59:59.25";
      case ValueKind::timetz:
        return "10:00:00+05:30";
      case ValueKind::timestamp:
        return "2026-01-31 10:00:00";
      case ValueKind::timestamptz:
        return "2026-01-31 10:00:00.25+00";
      case ValueKind::array:
        return "{" + random_text() + "}";
      case ValueKind::text:
        break;
    }
    return random_text();
  }

  Value random_state(const std::string& bytes, bool new_row) {
    switch (random_() % 8) {
      case 0:
        return null_value;
      case 1:
        return new_row ? unchanged_value : absent_value;
      default:
        return text(bytes);
    }
  }

  std::mt19937 random_{seed};
};

TEST_P(EnvelopeRandomTest, AlwaysWritesJsonFromWhichTheTextsComeBack) {
  Table table{.oid = 2, .schema = "public", .name = "all", .columns = {}};
  for (int kind = 0; kind <= static_cast<int>(ValueKind::array); ++kind)
    table.columns.push_back(
        {.name = "c" + std::to_string(kind), .kind = static_cast<ValueKind>(kind)});
  table.columns[4].key_position = 1;
  const std::size_t size = table.columns.size();
  auto envelope = TableEnvelope::make(GetParam(), PartitionBy::primary_key, source, table);

  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> texts(2 * size);
    std::vector<Value> before(size), after(size);
    for (std::size_t i = 0; i < size; ++i) {
      texts[i] = random_value(table.columns[i].kind);
      texts[size + i] = random_value(table.columns[i].kind);
      before[i] = random_state(texts[i], false);
      after[i] = random_state(texts[size + i], true);
    }
    Change change{.operation = Operation::update, .before = before, .after = after, .ordinal = 1};
    Buffer out;
    envelope->append(out, change, context);
    json message = json::parse(out.view(), nullptr, false);
    ASSERT_FALSE(message.is_discarded()) << out.view() << " seed " << seed;

    const json& flat = GetParam() == Format::cloudevents ? message["data"] : message;
    const json& data = flat[GetParam() == Format::debezium ? "after" : "data"];
    json unchanged = json::array();
    for (std::size_t i = 0; i < size; ++i) {
      const std::string& name = table.columns[i].name;
      switch (after[i].state) {
        case Value::State::null:
          ASSERT_TRUE(data.at(name).is_null());
          break;
        case Value::State::unchanged:
          unchanged.push_back(name);
          [[fallthrough]];
        case Value::State::absent:
          ASSERT_FALSE(data.contains(name));
          break;
        case Value::State::text:
          ASSERT_TRUE(data.contains(name));
          if (table.columns[i].kind == ValueKind::text ||
              table.columns[i].kind == ValueKind::array) {
            ASSERT_EQ(data[name], texts[size + i]) << "seed " << seed;
          }
          break;
      }
    }
    const json& holder = GetParam() == Format::dms ? message["metadata"] : flat;
    const char* key = GetParam() == Format::dms ? "unchanged-columns" : "unchanged";
    ASSERT_EQ(holder.value(key, json::array()), unchanged);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, EnvelopeRandomTest, ::testing::ValuesIn(formats),
                         [](const auto& one) { return std::string(name_of(one.param)); });

}  // namespace tailrace::envelope
