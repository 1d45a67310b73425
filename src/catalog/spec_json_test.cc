#include "catalog/spec_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tailrace::catalog {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <typename Spec>
Spec there_and_back(const Spec& spec) {
  Spec again;
  auto read = from_json(to_json(spec), again);
  EXPECT_TRUE(read) << read.error().message;
  return again;
}

template <typename Spec>
Error error_of(const std::string& text) {
  Spec spec;
  auto read = from_json(text, spec);
  return read ? Error{Fault::internal, "was read"} : read.error();
}

TEST(SpecJson, KeepsAStream) {
  stream::StreamSpec spec;
  spec.name = "orders";
  spec.incarnation = ~std::uint64_t{0};
  spec.created_seconds = 1700000000;
  spec.shards = {{0, {{0}, {99}}, 1700000000}, {5, {{100}, hash_key_max}, 1700000001}};
  spec.retention = std::chrono::hours(48);
  spec.retention_bytes = std::uint64_t{1} << 60;
  spec.sync = log::Sync::interval;
  EXPECT_EQ(there_and_back(spec), spec);
}

TEST(SpecJson, WritesWideNumbersInDecimal) {
  stream::StreamSpec spec;
  spec.incarnation = ~std::uint64_t{0};
  spec.shards = {{0, {{0}, hash_key_max}, 0}};
  auto json = nlohmann::json::parse(to_json(spec));
  EXPECT_EQ(json["incarnation"], "18446744073709551615");
  EXPECT_EQ(json["shards"][0]["last_hash_key"], "340282366920938463463374607431768211455");
}

TEST(SpecJson, KeepsATask) {
  capture::TaskSpec spec;
  spec.name = "products";
  spec.source = "postgresql://user:pass@host/db?sslmode=verify-full";
  spec.migration_type = capture::MigrationType::cdc;
  spec.table_mappings = R"({"rules":[]})";
  spec.stream = "orders";
  spec.message_format = envelope::Format::debezium;
  spec.partition_by = envelope::PartitionBy::schema_table;
  spec.slot = "a";
  spec.publication = "b";
  spec.load_workers = 7;
  EXPECT_EQ(there_and_back(spec), spec);
}

TEST(SpecJson, KeepsAFunction) {
  function::FunctionSpec spec;
  spec.name = "f";
  spec.runtime = function::Runtime::nodejs;
  spec.code = "/functions/grün";
  spec.handler = "app.handler";
  spec.timeout = std::chrono::milliseconds(12345);
  spec.memory_mib = 512;
  spec.concurrency_max = 9;
  spec.environment = {{"A", "1"}, {"B", "two\nlines"}};
  EXPECT_EQ(there_and_back(spec), spec);
}

TEST(SpecJson, KeepsATrigger) {
  delivery::TriggerSpec spec;
  spec.name = "orders/f";
  spec.id = "00000000-0000-4000-8000-000000000000";
  spec.stream = "orders";
  spec.function = "f";
  spec.batch_size = 10000;
  spec.batch_window = std::chrono::milliseconds(300000);
  spec.start = delivery::TriggerSpec::Start::timestamp;
  spec.start_ms = 1700000000123;
  spec.attempts_max = 10001;
  EXPECT_EQ(there_and_back(spec), spec);
}

TEST(SpecJson, GivesMissingFieldsTheirDefaultsAndIgnoresUnknownOnes) {
  delivery::TriggerSpec spec;
  ASSERT_TRUE(from_json(R"({"name":"t","of_the_future":{"a":[1]}})", spec));
  delivery::TriggerSpec expected;
  expected.name = "t";
  EXPECT_EQ(spec, expected);
  capture::TaskSpec task;
  EXPECT_TRUE(from_json("{}", task));
  EXPECT_EQ(task, capture::TaskSpec{});
}

TEST(SpecJson, IsStrictAboutTypes) {
  EXPECT_THAT(error_of<delivery::TriggerSpec>(R"({"batch_size":"100"})").message,
              HasSubstr("batch_size: must be a whole number"));
  EXPECT_THAT(error_of<delivery::TriggerSpec>(R"({"batch_size":1.5})").message,
              HasSubstr("batch_size: must be a whole number"));
  EXPECT_THAT(error_of<delivery::TriggerSpec>(R"({"batch_size":-1})").message,
              HasSubstr("batch_size: is out of range"));
  EXPECT_THAT(error_of<delivery::TriggerSpec>(R"({"batch_size":4294967296})").message,
              HasSubstr("batch_size: is out of range"));
  EXPECT_THAT(error_of<delivery::TriggerSpec>(R"({"starting_position":"soon"})").message,
              HasSubstr("starting_position: \"soon\" is not known"));
  EXPECT_THAT(error_of<function::FunctionSpec>(R"({"environment":{"A":1}})").message,
              HasSubstr("environment: \"A\" must be a string"));
  EXPECT_THAT(error_of<function::FunctionSpec>(R"({"name":null})").message,
              HasSubstr("name: must be a string"));
  EXPECT_THAT(error_of<stream::StreamSpec>(R"({"shards":{}})").message,
              HasSubstr("shards: must be a list"));
  EXPECT_THAT(error_of<stream::StreamSpec>(R"({"shards":[{},7]})").message,
              HasSubstr("shards[1].: must be an object"));
  EXPECT_THAT(error_of<stream::StreamSpec>(R"({"shards":[{"last_hash_key":"-1"}]})").message,
              HasSubstr("shards[0].last_hash_key"));
  EXPECT_THAT(error_of<capture::TaskSpec>("[]").message, HasSubstr("must be an object"));
  EXPECT_THAT(error_of<capture::TaskSpec>("{").message, HasSubstr("not valid JSON"));
  EXPECT_EQ(error_of<capture::TaskSpec>("{").fault, Fault::invalid);
}

TEST(SpecJson, NamesTheFieldsThatDiffer) {
  function::FunctionSpec before, after;
  before.name = after.name = "f";
  EXPECT_THAT(changed_fields(to_json(before), to_json(after)), ElementsAre());
  after.handler = "app.other";
  after.environment["SECRET"] = "x";
  EXPECT_THAT(changed_fields(to_json(before), to_json(after)),
              ElementsAre("environment", "handler"));
  EXPECT_THAT(changed_fields(R"({"a":1})", R"({"a":1,"b":null,"c":2})"), ElementsAre("c"));
}

}  // namespace
}  // namespace tailrace::catalog
