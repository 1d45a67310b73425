#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "config/config.h"

namespace tailrace::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

// A world of variables and files in memory.
class ConfigTest : public testing::Test {
 protected:
  Parsed read(std::string_view content) {
    Surroundings surroundings;
    surroundings.variable = [this](const std::string& name) -> std::optional<std::string> {
      auto found = variables.find(name);
      if (found == variables.end()) return std::nullopt;
      return found->second;
    };
    surroundings.read = [this](const std::string& path) -> Result<std::string> {
      auto found = files.find(path);
      if (found == files.end())
        return Error{Fault::not_found, "open " + path + ": No such file or directory"};
      return found->second;
    };
    surroundings.is_folder = [](const std::string& path) {
      return path.find("missing") == std::string::npos;
    };
    return parse(content, "/etc/tailrace/tailrace.yaml", surroundings);
  }
  Config good(std::string_view content) {
    Parsed parsed = read(content);
    for (const Problem& problem : parsed.problems) ADD_FAILURE() << render(problem, content);
    return parsed.config.value_or(Config{});
  }

  std::map<std::string, std::string> variables, files;
};

constexpr std::string_view example = R"(
data: ./data
listen: {aws: 127.0.0.1:4566, admin: 127.0.0.1:4590}
streams:
  product-changes-stream: {shards: 3, retention: 24h}
tasks:
  products:
    source: postgresql://cdc_user@db.internal/shop?sslmode=verify-full
    migration_type: full-load-and-cdc        # full-load | cdc | full-load-and-cdc
    table_mappings: mappings.json            # DMS table-mapping JSON, a file or inline
    stream: product-changes-stream
    message_format: dms                      # dms | flat | debezium | cloudevents
functions:
  on-product-change: {runtime: python3, code: ./functions/products, handler: app.lambda_handler, timeout: 3s, memory: 128MiB}
triggers:
  - {stream: product-changes-stream, function: on-product-change, batch_size: 100, starting_position: trim-horizon}
)";

constexpr std::string_view one_table =
    R"({"rules": [{"rule-type": "selection", "rule-id": "1", "rule-name": "1",
        "object-locator": {"schema-name": "public", "table-name": "products"}, "rule-action": "include"}]})";

TEST_F(ConfigTest, TheExampleOfTheDocumentationIsReadWhole) {
  files["/etc/tailrace/mappings.json"] = one_table;

  Config config = good(example);

  EXPECT_EQ(config.data, "/etc/tailrace/data");
  EXPECT_EQ(to_string(config.aws), "127.0.0.1:4566");
  EXPECT_EQ(to_string(config.admin), "127.0.0.1:4590");
  ASSERT_EQ(config.declaration.streams.size(), 1u);
  EXPECT_EQ(config.declaration.streams[0].name, "product-changes-stream");
  EXPECT_EQ(config.declaration.streams[0].shards, 3u);
  EXPECT_EQ(config.declaration.streams[0].retention, hours(24));
  ASSERT_EQ(config.declaration.tasks.size(), 1u);
  const capture::TaskSpec& task = config.declaration.tasks[0];
  EXPECT_EQ(task.name, "products");
  EXPECT_EQ(task.source, "postgresql://cdc_user@db.internal/shop?sslmode=verify-full");
  EXPECT_EQ(task.migration_type, capture::MigrationType::full_load_and_cdc);
  EXPECT_NE(task.table_mappings.find("products"), std::string::npos);
  EXPECT_EQ(task.stream, "product-changes-stream");
  EXPECT_EQ(task.message_format, envelope::Format::dms);
  EXPECT_EQ(task.slot, "tailrace_products");
  EXPECT_EQ(task.publication, "tailrace_products");
  ASSERT_EQ(config.declaration.functions.size(), 1u);
  const function::FunctionSpec& function = config.declaration.functions[0];
  EXPECT_EQ(function.name, "on-product-change");
  EXPECT_EQ(function.runtime, function::Runtime::python3);
  EXPECT_EQ(function.code, "/etc/tailrace/functions/products");
  EXPECT_EQ(function.handler, "app.lambda_handler");
  EXPECT_EQ(function.timeout, milliseconds(3000));
  EXPECT_EQ(function.memory_mib, 128u);
  ASSERT_EQ(config.declaration.triggers.size(), 1u);
  EXPECT_EQ(config.declaration.triggers[0].name, "product-changes-stream/on-product-change");
  EXPECT_EQ(config.declaration.triggers[0].batch_size, 100u);
}

constexpr const char* one_statement =
    R"({"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]})";

TEST_F(ConfigTest, TheAwsPortMayBeReachedFromOutsideOnceItHasTlsAndKeys) {
  variables["SECRET"] = "0123456789abcdef";
  files["/etc/tailrace/server.crt"] = "certificate";
  files["/etc/tailrace/server.key"] = "key";
  files["/etc/tailrace/read.json"] = one_statement;

  Config config = good(R"(
listen:
  aws: 0.0.0.0:4566
  tls: {certificate: server.crt, key: server.key}
aws:
  region: eu-west-1
  account: "123456789012"
  keys:
    AKIDPRODUCER: {secret: "${SECRET}"}
    AKIDREADER: {secret: "${SECRET}", session_token: t, policy: read.json}
    AKIDWRITER: {secret: "${SECRET}", policy: {Statement: [{Effect: Allow, Action: "*", Resource: "*"}]}}
)");

  EXPECT_EQ(to_string(config.aws), "0.0.0.0:4566");
  EXPECT_EQ(config.tls, (TlsFiles{"/etc/tailrace/server.crt", "/etc/tailrace/server.key"}));
  EXPECT_EQ(config.account.region, "eu-west-1");
  EXPECT_EQ(config.account.id, "123456789012");
  EXPECT_EQ(config.keys,
            (std::vector<aws::KeySpec>{{"AKIDPRODUCER", "0123456789abcdef", "", ""},
                                       {"AKIDREADER", "0123456789abcdef", "t", one_statement},
                                       {"AKIDWRITER", "0123456789abcdef", "", one_statement}}));
}

TEST_F(ConfigTest, ASecretWrittenInTheFileIsAWarning) {
  Parsed parsed = read("aws: {keys: {AKID: {secret: 0123456789abcdef}}}");

  ASSERT_TRUE(parsed.config);
  ASSERT_EQ(parsed.problems.size(), 1u);
  EXPECT_TRUE(parsed.problems[0].warning);
  EXPECT_EQ(parsed.problems[0].message,
            "a secret is written in this file; use ${VAR} or ${file:/path}");
}

TEST_F(ConfigTest, EveryOptionalKeyIsRead) {
  Config config = good(R"(
data: /var/lib/tailrace
streams:
  orders: {shards: 2, retention: 7d, retention_bytes: 10GiB, sync: interval, limits: aws}
tasks:
  orders-eu:
    source: host=db dbname=shop user=cdc
    migration_type: cdc
    table_mappings:
      rules:
        - {rule-type: selection, rule-id: 1, rule-name: all, rule-action: include,
           object-locator: {schema-name: sales, table-name: "%"}}
    stream: orders
    message_format: debezium
    partition_by: schema-table
    slot: my_slot
    publication: My Publication
    load_workers: 8
functions:
  f:
    runtime: provided
    code: /opt/f
    timeout: 15m
    memory: 1GiB
    concurrency: 20
    environment: {STAGE: prod, EMPTY: "", NUMBER: 5}
triggers:
  - stream: orders
    function: f
    batch_size: 10000
    batch_window: 500ms
    starting_position: 2026-01-31T10:00:00.5+01:00
    attempts: 3
)");
  const auto& stream = config.declaration.streams.at(0);
  EXPECT_EQ(stream.retention, hours(7 * 24));
  EXPECT_EQ(stream.retention_bytes, 10ull << 30);
  EXPECT_EQ(stream.sync, log::Sync::interval);
  EXPECT_TRUE(stream.aws_limits);
  const auto& task = config.declaration.tasks.at(0);
  EXPECT_EQ(task.migration_type, capture::MigrationType::cdc);
  EXPECT_EQ(task.message_format, envelope::Format::debezium);
  EXPECT_EQ(task.partition_by, envelope::PartitionBy::schema_table);
  EXPECT_EQ(task.slot, "my_slot");
  EXPECT_EQ(task.publication, "My Publication");
  EXPECT_EQ(task.load_workers, 8u);
  EXPECT_EQ(
      task.table_mappings,
      R"({"rules":[{"rule-type":"selection","rule-id":1,"rule-name":"all","rule-action":"include",)"
      R"("object-locator":{"schema-name":"sales","table-name":"%"}}]})");
  const auto& function = config.declaration.functions.at(0);
  EXPECT_EQ(function.runtime, function::Runtime::provided);
  EXPECT_EQ(function.code, "/opt/f");
  EXPECT_EQ(function.timeout, std::chrono::minutes(15));
  EXPECT_EQ(function.memory_mib, 1024u);
  EXPECT_EQ(function.concurrency_max, 20u);
  EXPECT_EQ(function.environment, (std::map<std::string, std::string>{
                                      {"STAGE", "prod"}, {"EMPTY", ""}, {"NUMBER", "5"}}));
  const auto& trigger = config.declaration.triggers.at(0);
  EXPECT_EQ(trigger.batch_size, 10000u);
  EXPECT_EQ(trigger.batch_window, milliseconds(500));
  EXPECT_EQ(trigger.start, delivery::TriggerSpec::Start::timestamp);
  EXPECT_EQ(trigger.start_ms, 1769850000500);
  EXPECT_EQ(trigger.attempts_max, 3u);
}

TEST_F(ConfigTest, AnEmptyFileIsAServerWithDefaults) {
  for (const char* content : {"", "# nothing yet\n", "---\n", "{}", "streams:\n"}) {
    Config config = good(content);
    EXPECT_EQ(config.data, "/etc/tailrace/data");
    EXPECT_EQ(to_string(config.admin), "127.0.0.1:4590");
  }
}

TEST_F(ConfigTest, JsonIsReadAsWell) {
  Config config = good(
      "{\n\t\"data\": \"/d\",\n\t\"streams\": {\"a\": {\"shards\": 4}},\n\t\"tasks\": {}\n}\n");

  EXPECT_EQ(config.data, "/d");
  EXPECT_EQ(config.declaration.streams.at(0).shards, 4u);
}

TEST_F(ConfigTest, AliasesStandForWhatTheyName) {
  Config config = good("streams:\n  a: &small {shards: 2}\n  b: *small\n");

  EXPECT_EQ(config.declaration.streams.at(1).name, "b");
  EXPECT_EQ(config.declaration.streams.at(1).shards, 2u);
}

TEST_F(ConfigTest, VariablesAndFilesReplaceTextInValues) {
  variables = {{"USER", "cdc"}, {"EMPTY", ""}};
  files["/run/secrets/pw"] = "s3cret\n";
  Config config = good(R"(
streams: {s: {shards: "${SHARDS:-5}"}}
tasks:
  t: {source: "postgresql://${USER}:${file:/run/secrets/pw}@db/${EMPTY:-shop}${EMPTY}?application_name=$${x}", stream: s}
)");

  EXPECT_EQ(config.declaration.streams.at(0).shards, 5u);
  EXPECT_EQ(config.declaration.tasks.at(0).source,
            "postgresql://cdc:s3cret@db/shop?application_name=${x}");
}

TEST_F(ConfigTest, AVariableCannotAddStructure) {
  variables["EVIL"] = "x}\nfunctions: {f: {}}";
  Config config = good("data: ${EVIL}\n");

  EXPECT_TRUE(config.declaration.functions.empty());
}

TEST_F(ConfigTest, MappingsMayStandInTheFileAsJsonTextWithItsOwnDollarBraces) {
  std::string document(one_table);
  document.replace(document.find("products"), 8, "${x}");
  Config config = good(
      "streams: {s: {}}\ntasks:\n  t:\n    source: postgresql://db/shop\n    stream: s\n"
      "    table_mappings: '" +
      document + "'\n");

  EXPECT_EQ(config.declaration.tasks.at(0).table_mappings.find("${x}") == std::string::npos, false);
}

TEST_F(ConfigTest, ATaskWithoutMappingsCapturesEveryTable) {
  Config config = good("streams: {s: {}}\ntasks: {t: {source: postgresql://db/shop, stream: s}}\n");

  EXPECT_NE(config.declaration.tasks.at(0).table_mappings.find(R"("table-name":"%")"),
            std::string::npos);
}

TEST_F(ConfigTest, WarningsDoNotWithholdTheConfiguration) {
  Parsed parsed = read(
      "streams: {s: {}}\ntasks: {shop-eu: {source: 'postgresql://u:pw@db/shop', stream: s}}\n"
      "functions: {f: {runtime: python3, code: missing, handler: a.b}}\n");

  ASSERT_TRUE(parsed.config.has_value());
  ASSERT_EQ(parsed.problems.size(), 2u);
  EXPECT_TRUE(parsed.problems[0].warning);
  EXPECT_EQ(parsed.problems[0].message,
            "a password is written in this file; use a variable such as ${SHOP_EU_PASSWORD}, or "
            "${file:/path}");
  EXPECT_EQ(parsed.problems[1].message, "there is no folder /etc/tailrace/missing");
}

TEST_F(ConfigTest, OnlyPasswordsThatStandInTheFileDrawAWarning) {
  variables = {{"PW", "secret"}, {"URL", "postgresql://u:secret@db/shop"}};
  auto warns = [&](const std::string& source) {
    Parsed parsed = read("streams: {s: {}}\ntasks: {t: {stream: s, source: '" + source + "'}}\n");
    EXPECT_TRUE(parsed.config.has_value()) << source;
    return !parsed.problems.empty();
  };
  EXPECT_TRUE(warns("postgresql://u:pw@db/shop"));
  EXPECT_TRUE(warns("postgresql://db/shop?user=u&password=pw"));
  EXPECT_TRUE(warns("host=db user=u password=pw"));
  EXPECT_FALSE(warns("${URL}"));
  EXPECT_FALSE(warns("postgresql://u:${PW}@db/shop"));
  EXPECT_FALSE(warns("postgresql://u@db/shop"));
  EXPECT_FALSE(warns("postgresql://db:5432/shop?sslpassword=x"));
  EXPECT_FALSE(warns("host=db user=u password=${PW}"));
}

TEST_F(ConfigTest, AClientFindsTheServerInAFileThatIsOtherwiseWrong) {
  Parsed parsed = read("listen: {admin: 127.0.0.1:5000}\nnonsense: 1\n");

  EXPECT_FALSE(parsed.config.has_value());
  ASSERT_TRUE(parsed.admin.has_value());
  EXPECT_EQ(parsed.admin->port, 5000);
}

}  // namespace
}  // namespace tailrace::config
