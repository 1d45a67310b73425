// Broken configurations and exactly what is said of each.

#include <gtest/gtest.h>

#include "config/config.h"

namespace tailrace::config {
namespace {

Parsed read(std::string_view content) {
  Surroundings surroundings;
  surroundings.variable = [](const std::string& name) -> std::optional<std::string> {
    if (name == "SET") return "value";
    return std::nullopt;
  };
  surroundings.read = [](const std::string& path) -> Result<std::string> {
    if (path == "/c/bad.json") return std::string(R"({"rulez": []})");
    return Error{Fault::not_found, "open " + path + ": No such file or directory"};
  };
  surroundings.is_folder = [](const std::string&) { return true; };
  return parse(content, "/c/t.yaml", surroundings);
}

std::vector<std::string> said_of(std::string_view content) {
  std::vector<std::string> lines;
  for (const Problem& problem : read(content).problems) {
    std::string line = problem.line == 0 ? ""
                                         : std::to_string(problem.line) + ":" +
                                               std::to_string(problem.column) + ": ";
    lines.push_back(line + (problem.key.empty() ? "" : problem.key + ": ") + problem.message);
  }
  return lines;
}

struct Broken {
  const char* name;
  std::string content;
  std::vector<std::string> expected;
};

void PrintTo(const Broken& broken, std::ostream* out) { *out << broken.content; }

class BrokenConfigTest : public testing::TestWithParam<Broken> {};

TEST_P(BrokenConfigTest, IsToldWhereWhatAndTheWayOut) {
  EXPECT_EQ(said_of(GetParam().content), GetParam().expected);
  EXPECT_FALSE(read(GetParam().content).config.has_value());
}

std::string task(const std::string& lines) {
  return "streams: {orders: {}}\ntasks:\n  t:\n    source: postgresql://db/shop\n    stream: "
         "orders\n" +
         lines;
}
std::string function(const std::string& lines) {
  return "functions:\n  f:\n    runtime: python3\n    code: .\n    handler: app.run\n" + lines;
}
std::string trigger(const std::string& lines) {
  return "streams: {orders: {}}\nfunctions: {f: {runtime: provided, code: .}}\ntriggers:\n  - "
         "stream: orders\n" +
         lines;
}

const std::vector<Broken> text_problems = {
    {"NotYaml", "streams: [}", {"1:11: not valid YAML: illegal flow end"}},
    {"UnclosedBrace",
     "data: x\nlisten: {aws: 1",
     {"2:1: not valid YAML: a { that stands here or further on is never closed"}},
    {"TabIndentation",
     "streams:\n\torders: {}\n",
     {"2:8: not valid YAML: a key is not expected here (check the indentation; tabs do not "
      "indent)"}},
    {"UnknownAlias",
     "data: *where\n",
     {"1:7: not valid YAML: no anchor of this name stands before it"}},
    {"AliasInItself", "data: &a [*a]\n", {"1:11: this alias stands inside what it refers to"}},
    {"NotUtf8",
     "data: ok\n# caf\xe9\n",
     {"2:6: not UTF-8 text; save the file as UTF-8 without control characters"}},
    {"Utf16",
     std::string("\xff\xfe"
                 "d\0",
                 4),
     {"1:1: not UTF-8 text; save the file as UTF-8 without control characters"}},
    {"NulByte",
     std::string("data: a\0b", 9),
     {"1:8: not UTF-8 text; save the file as UTF-8 without control characters"}},
    {"TooLarge",
     std::string((1 << 20) + 1, '#'),
     {"the file has 1048577 bytes; at most 1 MiB is read"}},
    {"TwoDocuments",
     "data: a\n---\ndata: b\n",
     {"3:1: a second YAML document begins here; a configuration is one document"}},
    {"EscapeThatIsNotUtf8",
     "data: \"caf\\N\"\n",
     {"1:7: an escape in this text gives a control character, or is \\N or \\_; write only what "
      "can "
      "be shown, and \\u0085 or \\u00a0 for those two"}},
    {"EscapeToAControlCharacter",
     "data: \"a\\0b\"\n",
     {"1:7: an escape in this text gives a control character, or is \\N or \\_; write only what "
      "can "
      "be shown, and \\u0085 or \\u00a0 for those two"}},
    {"UnknownEscape",
     "data: \"\\\xc3\xa9\"\n",
     {"1:10: not valid YAML: no escape begins so; write \\\\ for a backslash in double quotes"}},
    {"ColumnsCountCharacters",
     "{\"\xc3\xa9\xc3\xa9\": 1, datta: x}",
     {"1:2: \xc3\xa9\xc3\xa9: unknown key; known here: data, listen, aws, streams, tasks, "
      "functions or "
      "triggers",
      "1:11: datta: unknown key; did you mean 'data'?"}},
};

const std::vector<Broken> shape_problems = {
    {"RootIsAList",
     "- a\n",
     {"1:1: expected a mapping with keys such as data, listen, aws, streams, tasks, functions or "
      "triggers, found a list"}},
    {"RootIsText",
     "hello",
     {"1:1: expected a mapping with keys such as data, listen, aws, streams, tasks, functions or "
      "triggers, found \"hello\""}},
    {"UnknownRootKey", "strems: {}\n", {"1:1: strems: unknown key; did you mean 'streams'?"}},
    {"FarKey",
     "zzzzzzzz: {}\n",
     {"1:1: zzzzzzzz: unknown key; known here: data, listen, aws, streams, tasks, functions or "
      "triggers"}},
    {"DuplicateKey",
     "data: a\ndata: b\n",
     {"2:1: data: this key stands here twice; the first is in line 1"}},
    {"DuplicateStream",
     "streams:\n  a: {}\n  a: {}\n",
     {"3:3: streams.a: this key stands here twice; the first is in line 2"}},
    {"KeyIsAList", "? [a]\n: 1\n", {"1:3: a key must be a plain word, found a list"}},
    {"DataIsAList", "data: [a]\n", {"1:7: data: expected text, found a list"}},
    {"DataIsEmpty", "data: ''\n", {"1:7: data: expected a folder, found an empty text"}},
    {"StreamsIsAList",
     "streams: [a]\n",
     {"1:10: streams: expected a mapping from the name of each stream to its settings, found a "
      "list"}},
    {"TriggersIsAMapping",
     "triggers: {a: b}\n",
     {"1:11: triggers: expected a list of triggers, found a mapping"}},
    {"TriggerIsText",
     "triggers: [a]\n",
     {"1:12: triggers[0]: expected a mapping with keys such as stream and function, found \"a\""}},
    {"StreamIsANumber",
     "streams: {a: 3}\n",
     {"1:14: streams.a: expected a mapping with keys such as shards, retention, retention_bytes, "
      "sync or limits, found \"3\""}},
};

const std::vector<Broken> listen_problems = {
    {"Everywhere",
     "listen: {aws: 0.0.0.0:4566}\n",
     {"1:15: listen.aws: \"0.0.0.0:4566\" can be reached from other machines, which needs TLS "
      "(listen.tls) and keys (aws.keys); add that, or listen on 127.0.0.1, [::1] or localhost"}},
    {"EverywhereWithoutKeys",
     "listen: {aws: 0.0.0.0:4566, tls: {certificate: bad.json, key: bad.json}}\n",
     {"1:15: listen.aws: \"0.0.0.0:4566\" can be reached from other machines, which needs keys "
      "(aws.keys); add that, or listen on 127.0.0.1, [::1] or localhost"}},
    {"EverywhereWithoutTls",
     "listen: {aws: 0.0.0.0:4566}\naws: {keys: {AKID: {secret: '${SET}-0123456789abcdef'}}}\n",
     {"1:15: listen.aws: \"0.0.0.0:4566\" can be reached from other machines, which needs TLS "
      "(listen.tls); add that, or listen on 127.0.0.1, [::1] or localhost"}},
    {"HalfATls",
     "listen: {tls: {certificate: no.pem}}\n",
     {"1:15: listen.tls.key: this key is missing",
      "1:29: listen.tls.certificate: the file cannot be read: open /c/no.pem: No such file or "
      "directory"}},
    {"NameThatLooksLikeLoopback",
     "listen: {admin: 127.0.0.1.evil.example:1}\n",
     {"1:17: listen.admin: \"127.0.0.1.evil.example:1\" can be reached from other machines, and "
      "the admin port has no keys; listen on 127.0.0.1, [::1] or localhost"}},
    {"NoPort",
     "listen: {aws: localhost}\n",
     {"1:15: listen.aws: expected HOST:PORT with a port from 1 to 65535, found \"localhost\""}},
    {"PortTooLarge",
     "listen: {aws: 'localhost:65536'}\n",
     {"1:15: listen.aws: expected HOST:PORT with a port from 1 to 65535, found "
      "\"localhost:65536\""}},
    {"SamePort",
     "listen: {aws: 127.0.0.1:4590}\n",
     {"1:9: listen: aws and admin are both 127.0.0.1:4590; they need a port each"}},
    {"UnknownDoor",
     "listen: {amdin: 127.0.0.1:1}\n",
     {"1:10: listen.amdin: unknown key; did you mean 'admin'?"}},
};

const std::vector<Broken> aws_problems = {
    {"Account",
     "aws: {account: 12345}\n",
     {"1:16: aws.account: expected 12 digits such as \"000000000000\", found \"12345\"; write it "
      "in quotes"}},
    {"Region",
     "aws: {region: 'eu west'}\n",
     {"1:15: aws.region: expected a region such as us-east-1, found \"eu west\""}},
    {"NoSecret", "aws: {keys: {AKID: {}}}\n", {"1:14: aws.keys.AKID.secret: this key is missing"}},
    {"ShortSecret",
     "aws: {keys: {AKID: {secret: short}}}\n",
     {"1:29: aws.keys.AKID.secret: a secret has at least 16 characters; this one has 5"}},
    {"KeyId",
     "aws: {keys: {'A K': {secret: '${SET}-0123456789abcdef'}}}\n",
     {"1:14: aws.keys.A K: an access key id is 3 to 128 of a-z, A-Z, 0-9 and _, such as "
      "AKIDPRODUCER"}},
    {"PolicyIsWrong",
     "aws: {keys: {AKID: {secret: '${SET}-0123456789abcdef', policy: {Statement: [{Effect: Alow, "
     "Action: '*', Resource: '*'}]}}}}\n",
     {"1:64: aws.keys.AKID.policy: Statement[0].Effect: has to be \"Allow\" or \"Deny\""}},
    {"PolicyFileMissing",
     "aws: {keys: {AKID: {secret: '${SET}-0123456789abcdef', policy: no.json}}}\n",
     {"1:64: aws.keys.AKID.policy: the policy file cannot be read: open /c/no.json: No such file "
      "or directory"}},
};

const std::vector<Broken> stream_problems = {
    {"ShardsAsText",
     "streams: {a: {shards: three}}\n",
     {"1:23: streams.a.shards: expected a whole number from 1 to 10000, found \"three\""}},
    {"NoShards",
     "streams: {a: {shards: 0}}\n",
     {"1:23: streams.a.shards: expected a whole number from 1 to 10000, found \"0\""}},
    {"NegativeShards",
     "streams: {a: {shards: -1}}\n",
     {"1:23: streams.a.shards: expected a whole number from 1 to 10000, found \"-1\""}},
    {"RetentionWithoutUnit",
     "streams: {a: {retention: 24}}\n",
     {"1:26: streams.a.retention: expected a duration in whole hours such as 24h or 7d, from 24h "
      "to 365d, found \"24\""}},
    {"RetentionTooShort",
     "streams: {a: {retention: 1h}}\n",
     {"1:26: streams.a.retention: expected a duration in whole hours such as 24h or 7d, from 24h "
      "to 365d, found \"1h\""}},
    {"RetentionInMinutes",
     "streams: {a: {retention: 24h30m}}\n",
     {"1:26: streams.a.retention: expected whole hours, such as 24h or 7d, found \"24h30m\""}},
    {"BytesTooFew",
     "streams: {a: {retention_bytes: 5KB}}\n",
     {"1:32: streams.a.retention_bytes: expected at least 1MiB, or 0 for no limit, found \"5KB\""}},
    {"BytesOverflow",
     "streams: {a: {retention_bytes: 99999999999TiB}}\n",
     {"1:32: streams.a.retention_bytes: expected a size such as 10GiB (at least 1MiB), or 0 for no "
      "limit, found \"99999999999TiB\""}},
    {"SyncValue",
     "streams: {a: {sync: allways}}\n",
     {"1:21: streams.a.sync: expected always, interval or none, found \"allways\"; did you mean "
      "'always'?"}},
};

const std::vector<Broken> task_problems = {
    {"NoSourceNoStream",
     "tasks: {t: {}}\n",
     {"1:9: tasks.t.source: this key is missing", "1:9: tasks.t.stream: this key is missing"}},
    {"EmptySource",
     "streams: {s: {}}\ntasks:\n  t:\n    source:\n    stream: s\n",
     {"3:3: tasks.t.source: this key is missing"}},
    {"OtherDatabase",
     "streams: {s: {}}\ntasks: {t: {stream: s, source: 'mysql://db/shop'}}\n",
     {"2:32: tasks.t.source: expected a PostgreSQL URI such as postgresql://user@host/database"}},
    {"UnknownKey",
     task("    strem: x\n"),
     {"6:5: tasks.t.strem: unknown key; did you mean 'stream'?"}},
    {"MigrationType",
     task("    migration_type: full_load_and_cdc\n"),
     {"6:21: tasks.t.migration_type: expected full-load, cdc or full-load-and-cdc, found "
      "\"full_load_and_cdc\"; did you mean 'full-load-and-cdc'?"}},
    {"MessageFormat",
     task("    message_format: [dms]\n"),
     {"6:21: tasks.t.message_format: expected dms, flat, debezium or cloudevents, found a list"}},
    {"PartitionBy",
     task("    partition_by: primary_key\n"),
     {"6:19: tasks.t.partition_by: expected primary-key or schema-table, found \"primary_key\"; "
      "did you mean 'primary-key'?"}},
    {"LoadWorkers",
     task("    load_workers: 17\n"),
     {"6:19: tasks.t.load_workers: expected a whole number from 1 to 16, found \"17\""}},
    {"SlotName",
     task("    slot: My-Slot\n"),
     {"6:11: tasks.t.slot: expected 1 to 63 of a-z, 0-9 and _, found \"My-Slot\""}},
    {"TaskName",
     "streams: {s: {}}\ntasks: {Shop--1: {source: postgresql://db/x, stream: s}}\n",
     {"2:9: tasks.Shop--1: a task's name is 1 to 40 of a-z, 0-9, - and _, begins with a letter, "
      "and has no two hyphens in a row and none at its end"}},
    {"SameSlot",
     "streams: {s: {}}\ntasks:\n  a-b: {source: postgresql://db/x, stream: s}\n  a_b: {source: "
     "postgresql://db/x, stream: s}\n",
     {"4:3: tasks.a_b: uses slot tailrace_a_b as task a-b does; a slot serves one task, give one "
      "of them another with the key slot"}},
    {"MappingsFileMissing",
     task("    table_mappings: m.json\n"),
     {"6:21: tasks.t.table_mappings: the table-mapping file cannot be read: open /c/m.json: No "
      "such file or directory"}},
    {"MappingsFileBad",
     task("    table_mappings: bad.json\n"),
     {"6:21: tasks.t.table_mappings: bad.json: rulez: unknown key; did you mean \"rules\"?",
      "6:21: tasks.t.table_mappings: bad.json: rules: is missing; list at least one selection rule "
      "there"}},
    {"MappingsList",
     task("    table_mappings: [a]\n"),
     {"6:21: tasks.t.table_mappings: expected the name of a table-mapping file or the document "
      "itself, found a list"}},
    {"MappingsInPlace",
     task("    table_mappings:\n      rules:\n        - rule-type: selection\n          rule-id: "
          "1\n          rule-name: a\n"
          "          rule-action: inclde\n          object-locator: {schema-name: public, "
          "table-name: '%'}\n"),
     {"11:24: tasks.t.table_mappings: rules[0].rule-action: \"inclde\" is not one of include, "
      "exclude, explicit; did you mean \"include\"?"}},
    {"MappingsKeyTwice",
     task("    table_mappings: {rules: [], rules: []}\n"),
     {"6:33: tasks.t.table_mappings.rules: this key stands here twice"}},
    {"UnsetVariable",
     "streams: {s: {}}\ntasks: {t: {stream: s, source: 'postgresql://u:${PGPASS}@db/x'}}\n",
     {"2:32: tasks.t.source: the environment variable PGPASS is not set; set it, or write "
      "${PGPASS:-default}"}},
    {"TwoUnsetVariables",
     "data: ${A}/${B}\n",
     {"1:7: data: the environment variable A is not set; set it, or write ${A:-default}",
      "1:7: data: the environment variable B is not set; set it, or write ${B:-default}"}},
    {"BadVariable",
     "data: ${1a}\n",
     {"1:7: data: \"${1a}\" is none of ${VAR}, ${VAR:-default} and ${file:/path}; write $${ for a "
      "literal ${"}},
    {"UnclosedVariable",
     "data: a${SET\n",
     {"1:7: data: \"${\" without its \"}\"; write $${ for a literal ${"}},
    {"SecretFileMissing",
     "data: ${file:secret}\n",
     {"1:7: data: ${file:secret} cannot be read: open /c/secret: No such file or directory"}},
};

const std::vector<Broken> function_problems = {
    {"NothingSaid",
     "functions: {f: }\n",
     {"1:13: functions.f.runtime: this key is missing",
      "1:13: functions.f.code: this key is missing",
      "1:13: functions.f.handler: this key is missing"}},
    {"Runtime",
     "functions: {f: {runtime: python, code: ., handler: a.b}}\n",
     {"1:26: functions.f.runtime: expected python3, nodejs or provided, found \"python\"; did you "
      "mean 'python3'?"}},
    {"HandlerWithoutDot",
     "functions: {f: {runtime: python3, code: ., handler: app}}\n",
     {"1:53: functions.f.handler: expected FILE.FUNCTION such as app.lambda_handler, found "
      "\"app\""}},
    {"FunctionName",
     "functions: {a.b: {runtime: provided, code: .}}\n",
     {"1:13: functions.a.b: a function's name is 1 to 64 of a-z, A-Z, 0-9, - and _"}},
    {"TimeoutTooLong",
     function("    timeout: 16m\n"),
     {"6:14: functions.f.timeout: expected a duration such as 3s, from 1s to 900s, found \"16m\""}},
    {"TimeoutUnit",
     function("    timeout: 3 s\n"),
     {"6:14: functions.f.timeout: expected a duration such as 3s, from 1s to 900s, found \"3 s\""}},
    {"MemoryTooSmall",
     function("    memory: 64MiB\n"),
     {"6:13: functions.f.memory: expected a size such as 128MiB, from 128MiB to 10240MiB, found "
      "\"64MiB\""}},
    {"MemoryInBytes",
     function("    memory: 128MB\n"),
     {"6:13: functions.f.memory: expected a size such as 128MiB, from 128MiB to 10240MiB, found "
      "\"128MB\""}},
    {"MemoryNotWhole",
     function("    memory: 300MB\n"),
     {"6:13: functions.f.memory: expected whole MiB, such as 128MiB, found \"300MB\""}},
    {"Concurrency",
     function("    concurrency: 0\n"),
     {"6:18: functions.f.concurrency: expected a whole number from 1 to 1000, found \"0\""}},
    {"ReservedVariable",
     function("    environment: {AWS_REGION: x}\n"),
     {"6:19: functions.f.environment.AWS_REGION: this variable is set by the runtime; choose "
      "another name"}},
    {"VariableName",
     function("    environment: {a-b: x}\n"),
     {"6:19: functions.f.environment.a-b: a variable's name is letters, digits and _, and begins "
      "with no digit"}},
    {"VariableIsAList",
     function("    environment: {A: [x]}\n"),
     {"6:22: functions.f.environment.A: expected text, found a list"}},
    {"VariablesTooLarge",
     function("    environment: {A: " + std::string(4096, 'x') + "}\n"),
     {"6:18: functions.f.environment: names and values have 4097 bytes; at most 4096 are "
      "possible"}},
};

const std::vector<Broken> trigger_problems = {
    {"NoFunction", trigger(""), {"4:5: triggers[0].function: this key is missing"}},
    {"UndeclaredFunction",
     trigger("    function: g\n"),
     {"5:15: triggers[0].function: no function is named \"g\"; did you mean 'f'?"}},
    {"Twice",
     trigger("    function: f\n  - {stream: orders, function: f}\n"),
     {"6:5: triggers[1]: stream orders has a trigger for function f already, in line 4; remove one "
      "of the two"}},
    {"BatchSize",
     trigger("    function: f\n    batch_size: 10001\n"),
     {"6:17: triggers[0].batch_size: expected a whole number from 1 to 10000, found \"10001\""}},
    {"BatchWindow",
     trigger("    function: f\n    batch_window: 6m\n"),
     {"6:19: triggers[0].batch_window: expected a duration such as 500ms, from 0s to 300s, found "
      "\"6m\""}},
    {"StartingPosition",
     trigger("    function: f\n    starting_position: TRIM_HORIZON\n"),
     {"6:24: triggers[0].starting_position: expected trim-horizon, latest or a time such as "
      "2026-01-31T10:00:00Z, found \"TRIM_HORIZON\"; did you mean 'trim-horizon'?"}},
    {"NoSuchDay",
     trigger("    function: f\n    starting_position: 2026-02-30T10:00:00Z\n"),
     {"6:24: triggers[0].starting_position: expected trim-horizon, latest or a time such as "
      "2026-01-31T10:00:00Z, found \"2026-02-30T10:00:00Z\""}},
    {"Attempts",
     trigger("    function: f\n    attempts: 0\n"),
     {"6:15: triggers[0].attempts: expected a whole number from 1 to 10001, found \"0\""}},
};

auto name_of_case = [](const testing::TestParamInfo<Broken>& info) {
  return std::string(info.param.name);
};
INSTANTIATE_TEST_SUITE_P(Text, BrokenConfigTest, testing::ValuesIn(text_problems), name_of_case);
INSTANTIATE_TEST_SUITE_P(Shape, BrokenConfigTest, testing::ValuesIn(shape_problems), name_of_case);
INSTANTIATE_TEST_SUITE_P(Aws, BrokenConfigTest, testing::ValuesIn(aws_problems), name_of_case);
INSTANTIATE_TEST_SUITE_P(Listen, BrokenConfigTest, testing::ValuesIn(listen_problems),
                         name_of_case);
INSTANTIATE_TEST_SUITE_P(Streams, BrokenConfigTest, testing::ValuesIn(stream_problems),
                         name_of_case);
INSTANTIATE_TEST_SUITE_P(Tasks, BrokenConfigTest, testing::ValuesIn(task_problems), name_of_case);
INSTANTIATE_TEST_SUITE_P(Functions, BrokenConfigTest, testing::ValuesIn(function_problems),
                         name_of_case);
INSTANTIATE_TEST_SUITE_P(Triggers, BrokenConfigTest, testing::ValuesIn(trigger_problems),
                         name_of_case);

TEST(ProblemsTest, AFileWithTenErrorsReportsAllTen) {
  EXPECT_EQ(
      said_of(R"(dta: ./data
listen: {aws: 0.0.0.0:4566, admin: 127.0.0.1}
streams:
  orders: {shards: many, retention: 1h}
tasks:
  orders:
    source: postgresql://u:${NO_SUCH_VARIABLE}@db/shop
    migration_type: ful-load
    stream: odrers
functions:
  f: {runtime: python3, code: ., handler: app.run, memory: 1MiB}
triggers:
  - {stream: orders, function: ff}
)"),
      (std::vector<std::string>{
          "1:1: dta: unknown key; did you mean 'data'?",
          "2:15: listen.aws: \"0.0.0.0:4566\" can be reached from other machines, which needs TLS "
          "(listen.tls) and keys (aws.keys); add that, or listen on 127.0.0.1, [::1] or localhost",
          "2:36: listen.admin: expected HOST:PORT with a port from 1 to 65535, found \"127.0.0.1\"",
          "4:20: streams.orders.shards: expected a whole number from 1 to 10000, found \"many\"",
          "4:37: streams.orders.retention: expected a duration in whole hours such as 24h or 7d, "
          "from 24h to "
          "365d, found \"1h\"",
          "7:13: tasks.orders.source: the environment variable NO_SUCH_VARIABLE is not set; set "
          "it, or write "
          "${NO_SUCH_VARIABLE:-default}",
          "8:21: tasks.orders.migration_type: expected full-load, cdc or full-load-and-cdc, found "
          "\"ful-load\"; did you mean 'full-load'?",
          "9:13: tasks.orders.stream: no stream is declared as \"odrers\"; did you mean 'orders'? "
          "Else it must be there already, made through the API",
          "11:60: functions.f.memory: expected a size such as 128MiB, from 128MiB to 10240MiB, "
          "found \"1MiB\"",
          "13:32: triggers[0].function: no function is named \"ff\"; did you mean 'f'?",
      }));
}

TEST(ProblemsTest, AStreamThatIsNotDeclaredMayHaveBeenMadeThroughTheApi) {
  std::string content =
      "streams: {orders: {}}\nfunctions: {f: {runtime: provided, code: .}}\n"
      "tasks: {t: {source: postgresql://db/x, stream: ordres}}\n"
      "triggers: [{stream: made, function: f}]\n";
  EXPECT_EQ(said_of(content),
            (std::vector<std::string>{
                "3:48: tasks.t.stream: no stream is declared as \"ordres\"; did you mean 'orders'? "
                "Else it must be there already, made through the API",
                "4:21: triggers[0].stream: no stream is declared as \"made\"; it must be there "
                "already, made through the API"}));
  auto config = read(content).config;
  ASSERT_TRUE(config);
  EXPECT_EQ(config->declaration.triggers.at(0).stream, "made");
}

TEST(ProblemsTest, NestingWithoutEndIsRefused) {
  for (std::string opening : {"[", "{a: ", "- ", "? "}) {
    std::string content;
    for (int i = 0; i < 50'000; ++i) content += opening;
    Parsed parsed = read(content);
    ASSERT_EQ(parsed.problems.size(), 1u) << opening;
    EXPECT_FALSE(parsed.config.has_value());
  }
}

TEST(ProblemsTest, AliasesThatMultiplyAreRefused) {
  std::string content = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 20; ++i) {
    content += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) content += (j ? ", *a" : "*a") + std::to_string(i - 1);
    content += "]\n";
  }
  Parsed parsed = read(content);

  ASSERT_EQ(parsed.problems.size(), 1u);
  EXPECT_EQ(parsed.problems[0].message, "grows too large through its aliases");
}

TEST(ProblemsTest, OfVeryManyTheFirstHundredAreShownAndTheRestCounted) {
  std::string content = "functions:\n  f:\n    runtime: provided\n    code: .\n";
  for (int i = 0; i < 150; ++i) content += "    k" + std::to_string(i) + ": 1\n";
  Parsed parsed = read(content);

  ASSERT_EQ(parsed.problems.size(), 101u);
  EXPECT_EQ(parsed.problems[99].key, "functions.f.k99");
  EXPECT_EQ(parsed.problems[100].message, "50 more problems are not shown; correct these first");
  EXPECT_FALSE(parsed.problems[100].warning);
  EXPECT_FALSE(parsed.config.has_value());
}

TEST(ProblemsTest, ALongNameIsNotRepeatedWholeInEachProblemBelowIt) {
  std::string name(1000, 'n');
  Parsed parsed = read("streams: {" + name + ": {x: 1, y: 2}}\n");

  ASSERT_EQ(parsed.problems.size(), 3u);
  for (const Problem& problem : parsed.problems) EXPECT_LT(problem.key.size(), 300u);
}

TEST(ProblemsTest, AreShownWithTheLineAndACaret) {
  std::string content = "streams:\n  orders:\n    shrads: 3\n";

  EXPECT_EQ(render(read(content).problems.at(0), content),
            "/c/t.yaml:3:5: error: streams.orders.shrads: unknown key; did you mean 'shards'?\n"
            "  3 |     shrads: 3\n"
            "    |     ^\n");
}

TEST(ProblemsTest, AreShownWithoutThePassword) {
  std::string content =
      "streams: {s: {}}\ntasks: {t: {stream: s, source: 'postgresql://u:hunter2@db/x'}}\n";

  EXPECT_EQ(render(read(content).problems.at(0), content),
            "/c/t.yaml:2:32: warning: tasks.t.source: a password is written in this file; use a "
            "variable such as "
            "${T_PASSWORD}, or ${file:/path}\n"
            "  2 | tasks: {t: {stream: s, source: 'postgresql://u:*******@db/x'}}\n"
            "    |                                ^\n");
}

TEST(ProblemsTest, EachPasswordOfALineIsCovered) {
  std::string content =
      "x: [a://u:one@h, 'b://${P}:two@h,c://u:three@h', d://h:1/p, host=h password=four]\n";

  EXPECT_EQ(
      render(Problem{"t", 1, 1, "", "here"}, content),
      "t:1:1: error: here\n"
      "  1 | x: [a://u:***@h, 'b://${P}:*****************@h', d://h:1/p, host=h password=*****\n"
      "    | ^\n");
}

TEST(ProblemsTest, SecretsOfAccessKeysAreCovered) {
  auto shown = [](const std::string& line) { return render(Problem{"t", 1, 1, "", "here"}, line); };

  EXPECT_EQ(shown("  secret: one two # three"),
            "t:1:1: error: here\n"
            "  1 |   secret: ***************\n"
            "    | ^\n");
  EXPECT_EQ(shown(R"({"secret" : "a,b}", "session_token":'t', "policy": "p"})"),
            "t:1:1: error: here\n"
            R"(  1 | {"secret" : "****", "session_token":'*', "policy": "p"})"
            "\n    | ^\n");
  EXPECT_EQ(shown("secret: ${SECRET}"),
            "t:1:1: error: here\n"
            "  1 | secret: ${SECRET}\n"
            "    | ^\n");
}

TEST(ProblemsTest, AVeryLongLineIsCutAroundTheCaret) {
  std::string content =
      "{\"data\": \"" + std::string(5000, 'x') + "\", \"strems\": {}, \"tasks\": {}}";
  std::string shown = render(read(content).problems.at(0), content);

  EXPECT_LT(shown.size(), 400u);
  std::size_t caret = shown.find('^') - (shown.rfind('\n', shown.find('^')) + 1);
  std::size_t line = shown.find("  1 | ");
  EXPECT_EQ(shown.substr(line + caret, 8), "\"strems\"");
}

}  // namespace
}  // namespace tailrace::config
