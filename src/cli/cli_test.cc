#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "cli/admin_client.h"
#include "cli/console.h"
#include "cli/dev_plan.h"
#include "cli/diagnostics.h"
#include "cli/exit_code.h"
#include "cli/findings.h"
#include "cli/human_text.h"
#include "cli/program.h"
#include "cli/record_line.h"
#include "cli/server_address.h"
#include "cli/status_text.h"

namespace tailrace::cli {
namespace {

std::function<std::optional<std::string>(const std::string&)> variables(
    std::map<std::string, std::string> values) {
  return [values](const std::string& name) -> std::optional<std::string> {
    auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  };
}

TEST(ArgumentsTest, SettingsMayStandBeforeOrBehindTheCommand) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--json", "--admin", "localhost:1", "task", "stop", "t"},
        std::vector<std::string>{"task", "stop", "t", "--json", "--admin", "localhost:1"}}) {
    auto parsed = parse_arguments(arguments);
    EXPECT_EQ(parsed->code, exit_ok) << parsed->text;
    EXPECT_TRUE(parsed->settings.json);
    EXPECT_EQ(parsed->settings.admin, "localhost:1");
    EXPECT_EQ(parsed->chosen.command, "task stop");
    EXPECT_TRUE(parsed->chosen.run);
  }
}

TEST(ArgumentsTest, AMistypedCommandIsAnsweredWithTheNearest) {
  EXPECT_EQ(
      parse_arguments({"staus"})->text,
      "unknown command \"staus\"; did you mean \"status\"? (tailrace --help lists the commands)");
  EXPECT_EQ(parse_arguments({"--color", "never", "task", "strat", "t"})->text,
            "unknown command \"task strat\"; did you mean \"task start\"? (tailrace --help lists "
            "the commands)");
  EXPECT_EQ(parse_arguments({"nonsense"})->code, exit_usage);
}

TEST(ArgumentsTest, AMistypedFlagIsAnsweredWithTheNearest) {
  auto parsed = parse_arguments({"tail", "s", "--form", "latest"});

  EXPECT_EQ(parsed->code, exit_usage);
  EXPECT_NE(parsed->text.find("did you mean \"--from\"?"), std::string::npos) << parsed->text;
  EXPECT_FALSE(parsed->chosen.run);
}

TEST(ArgumentsTest, JsonIsHonouredInAUsageErrorToo) {
  EXPECT_TRUE(parse_arguments({"tail", "--json"})->settings.json);
}

TEST(ArgumentsTest, AnUnknownOptionIsNamedWithOrWithoutACommand) {
  auto refused = [](const std::vector<std::string>& arguments) {
    return parse_arguments(arguments)->text;
  };
  EXPECT_EQ(refused({"--nope"}), "unknown option \"--nope\" (tailrace --help tells more)");
  EXPECT_EQ(
      refused({"tail", "s", "--limits=3"}),
      "unknown option \"--limits\"; did you mean \"--limit\"? (tailrace tail --help tells more)");
}

TEST(ArgumentsTest, AColourThatIsNoneIsAnsweredWithTheThreeThereAre) {
  EXPECT_EQ(parse_arguments({"version", "--color", "always"})->settings.color, Color::always);
  auto parsed = parse_arguments({"version", "--color", "purple"});
  EXPECT_EQ(parsed->code, exit_usage);
  EXPECT_EQ(
      parsed->text,
      "--color: expected auto, always or never, found \"purple\" (tailrace version --help tells "
      "more)");
}

TEST(ArgumentsTest, EveryCommandHasHelp) {
  for (const char* command : {"run", "dev", "check", "validate", "status", "tail", "wait", "logs",
                              "invoke", "parked", "task", "log", "version", "completion"}) {
    auto parsed = parse_arguments({command, "--help"});
    EXPECT_EQ(parsed->code, exit_ok) << command;
    EXPECT_NE(parsed->text.find(command), std::string::npos);
    EXPECT_FALSE(parsed->chosen.run);
  }
}

TEST(ArgumentsTest, TablesOfDevAreRepeatedWithoutEatingTheUri) {
  EXPECT_TRUE(
      parse_arguments({"dev", "--table", "a", "--table", "b", "postgresql://x/y"})->chosen.run);
  EXPECT_EQ(parse_arguments({"dev"})->code, exit_usage);
}

TEST(ExitCodeTest, InvalidInputIsUsageAndMissingPeersAreTheEnvironment) {
  EXPECT_EQ(exit_code_of(Fault::invalid), 2);
  EXPECT_EQ(exit_code_of(Fault::unavailable), 3);
  EXPECT_EQ(exit_code_of(Fault::denied), 3);
  EXPECT_EQ(exit_code_of(Fault::not_found), 1);
  EXPECT_EQ(exit_code_of(Fault::timeout), 1);
}

TEST(ColorTest, FollowsFlagThenVariablesThenTerminal) {
  EXPECT_TRUE(wants_color(Color::automatic, true, variables({{"TERM", "xterm"}})));
  EXPECT_FALSE(wants_color(Color::automatic, false, variables({{"TERM", "xterm"}})));
  EXPECT_FALSE(wants_color(Color::automatic, true, variables({{"TERM", "dumb"}})));
  EXPECT_FALSE(
      wants_color(Color::automatic, true, variables({{"TERM", "xterm"}, {"NO_COLOR", "1"}})));
  EXPECT_TRUE(wants_color(Color::automatic, false, variables({{"CLICOLOR_FORCE", "1"}})));
  EXPECT_FALSE(
      wants_color(Color::automatic, true, variables({{"CLICOLOR_FORCE", "1"}, {"NO_COLOR", "1"}})));
  EXPECT_TRUE(wants_color(Color::always, false, variables({{"NO_COLOR", "1"}})));
  EXPECT_FALSE(wants_color(Color::never, true, variables({{"CLICOLOR_FORCE", "1"}})));
}

TEST(TerminalTest, ControlCharactersDoNotReachIt) {
  EXPECT_EQ(for_terminal("a\x1b[31mb\nc\td\xc2\x9b"
                         "e\xc3\xa9"),
            "a\xef\xbf\xbd[31mb\xef\xbf\xbd"
            "c d\xef\xbf\xbd"
            "e\xc3\xa9");
  EXPECT_EQ(for_terminal_lines("a\nb\x07"), "a\nb\xef\xbf\xbd");
}

TEST(DiagnosticsTest, AMessageCannotForgeALine) {
  EXPECT_EQ(logfmt_quoted("a \"b\"\nlevel=error\x1b[0m"), R"("a \"b\"\nlevel=error\x1b[0m")");
}

class ServerAddressTest : public testing::Test {
 protected:
  std::string found() {
    auto address =
        server_address(settings, variables(environment),
                       [this](const std::string& file) -> Result<config::Loaded> {
                         auto content = files.find(file);
                         if (content == files.end()) return Error{Fault::not_found, "open " + file};
                         return config::Loaded{config::parse(content->second, file, variables({})),
                                               content->second};
                       });
    return address ? to_string(*address) : address.error().message;
  }
  Settings settings;
  std::map<std::string, std::string> environment, files;
};

TEST_F(ServerAddressTest, IsTheFlagTheVariableTheFileOrTheDefault) {
  EXPECT_EQ(found(), "127.0.0.1:4590");
  files["tailrace.yaml"] = "listen: {admin: 127.0.0.1:1}\n";
  EXPECT_EQ(found(), "127.0.0.1:1");
  files["other.yaml"] = "listen: {admin: 127.0.0.1:2}\ntasks: {t: {source: '${UNSET}'}}\n";
  settings.config = "other.yaml";
  EXPECT_EQ(found(), "127.0.0.1:2");
  environment["TAILRACE_ADMIN"] = "[::1]:3";
  EXPECT_EQ(found(), "[::1]:3");
  settings.admin = "localhost:4";
  EXPECT_EQ(found(), "localhost:4");
}

TEST_F(ServerAddressTest, SaysWhichOneIsWrong) {
  settings.config = "missing.yaml";
  EXPECT_EQ(found(), "open missing.yaml");
  environment["TAILRACE_ADMIN"] = "here";
  EXPECT_EQ(found(),
            "TAILRACE_ADMIN: expected HOST:PORT with a port from 1 to 65535, found \"here\"");
}

TEST(HumanTextTest, NumbersAreShort) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(human_bytes(12ull << 30), "12 GiB");
  EXPECT_EQ(human_count(999), "999");
  EXPECT_EQ(human_count(1234567), "1,234,567");
  EXPECT_EQ(counted(0, "group"), "0 groups");
  EXPECT_EQ(counted(1, "group"), "1 group");
  EXPECT_EQ(counted(1234, "group"), "1,234 groups");
  EXPECT_EQ(human_duration(std::chrono::milliseconds(999)), "999 ms");
  EXPECT_EQ(human_duration(std::chrono::seconds(90)), "90.0 s");
  EXPECT_EQ(human_duration(std::chrono::hours(30)), "30 h");
}

TEST(HumanTextTest, TablesAlignByCharactersNotBytes) {
  TextTable table({{"NAME"}, {"N", TextTable::Align::right}});
  table.add({"\xc3\xa9\xc3\xa9", "1"});
  table.add({"long name", "100"});

  EXPECT_EQ(table.text(), "NAME         N\n\xc3\xa9\xc3\xa9           1\nlong name  100\n");
}

class RenderingTest : public testing::Test {
 protected:
  std::ostringstream out, err;
  Console console{out, err};
};

TEST_F(RenderingTest, ARecordIsOneLine) {
  TailLine line = render_tail_line(
      console,
      R"({"shard_id":"shardId-000000000012","offset":7,"sequence_number":"49","partition_key":"public.a.1",)"
      R"("arrival":"2026-01-31T10:00:00.123Z","data":"{\"op\":\"I\"}"})");

  EXPECT_EQ(line.record, "2026-01-31T10:00:00.123Z  shard 12  7  public.a.1  {\"op\":\"I\"}\n");
  EXPECT_EQ(line.warning, "");
}

TEST_F(RenderingTest, BytesAndGapsAreShownAsWhatTheyAre) {
  EXPECT_EQ(
      render_tail_line(
          console,
          R"({"shard_id":"shardId-000000000000","offset":1,"partition_key":"k","arrival":"t","data_base64":"/w=="})")
          .record,
      "t  shard 0  1  k  base64:/w==\n");
  EXPECT_EQ(
      render_tail_line(
          console,
          R"({"error":{"fault":"corrupt","message":"damaged"},"shard_id":"shardId-000000000000","offset":3,"next_offset":9})")
          .warning,
      "shard 0, offsets 3 to 8 are skipped: damaged");
  EXPECT_EQ(render_tail_line(console, "nonsense").warning,
            "the server sent a line that is no record");
}

TEST_F(RenderingTest, StatusShowsTablesWithTheirErrorsBelow) {
  std::string text = status_text(
      console,
      R"({"version":"1","started":"t","data":"/d","tasks":[{"name":"orders","state":"failed",
      "stream":"s","error":{"fault":"gap","message":"slot is lost"},"tables":[],"changes":1234,"lag_seconds":1.5,
      "retained_wal_bytes":2048,"durable_lsn":"0/1","warnings":["wal_keep"]},
      {"name":"users","state":"running","stream":"s","warnings":["odd","wal_keep"]}],
      "streams":[{"name":"s","status":"active","retention_hours":24,
      "shards":[{"closed":"2026-01-31T10:00:00.000Z"},{"closed":null},{"closed":null}]}],"functions":[],
      "triggers":[{"name":"s/f","cursors":[{"shard_id":"x","next_offset":3,"end_offset":10,"lag_ms":20,"attempt":0}]}]})");

  EXPECT_EQ(text,
            "tailrace 1  up since t  data /d\n"
            "\n"
            "TASK    STATE    STREAM  TABLES  CHANGES    LAG  WAL HELD  DURABLE LSN\n"
            "orders  failed   s            0    1,234  1.5 s   2.0 KiB  0/1\n"
            "users   running  s            0        0      -       0 B  -\n"
            "  orders: gap: slot is lost\n"
            "  orders, users: wal_keep\n"
            "  users: odd\n"
            "\n"
            "STREAM  STATUS  SHARDS  RECORDS  SIZE  RETENTION\n"
            "s       active       2        0   0 B       24 h\n"
            "\n"
            "TRIGGER  RECORDS  BATCHES  FAILURES  PARKED  BEHIND    LAG\n"
            "s/f            0        0         0       0       7  20 ms\n");
}

TEST_F(RenderingTest, AFindingHasItsCureBelowIt) {
  using Level = capture::Finding::Level;
  EXPECT_EQ(
      findings_text(console,
                    {{Level::ok, "fine", ""},
                     {Level::error, "wal_level is replica", "ALTER SYSTEM SET x;\nrestart"}},
                    false),
      "  error    wal_level is replica\n             ALTER SYSTEM SET x;\n             restart\n");
}

TEST_F(RenderingTest, QuietKeepsOnlyWhatIsWrong) {
  console.set_quiet(true);
  console.note("hint");
  console.warn("careful");
  EXPECT_EQ(err.str(), "warning: careful\n");
}

TEST(DevTest, PlansATaskIntoOneShardWithoutAFile) {
  auto config = plan_dev({.uri = "postgresql://x/y", .tables = {"public.a"}}, "/data");

  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->data, "/data");
  EXPECT_EQ(config->declaration.tasks.at(0).slot, "tailrace_dev");
  EXPECT_EQ(config->declaration.tasks.at(0).message_format, capture::TaskSpec{}.message_format)
      << "a handler goes on as it is once the same is declared in a file";
  EXPECT_NE(config->declaration.tasks.at(0).table_mappings.find("\"a\""), std::string::npos);
  EXPECT_TRUE(config->declaration.triggers.empty());
}

TEST(DevTest, RefusesAFunctionThatIsNone) {
  auto refused = [](const std::string& function) {
    return plan_dev({.uri = "postgresql://x/y", .function = function}, "/data").error().message;
  };
  EXPECT_EQ(refused("app.py"),
            "--function: expected FILE:HANDLER such as app.py:lambda_handler, found \"app.py\"");
  EXPECT_EQ(refused("/no/such/app.py:run"), "--function: there is no file /no/such/app.py");
}

TEST(DevTest, RefusesASlotNameThatPostgresWouldRefuse) {
  auto refused = plan_dev({.uri = "postgresql://x/y", .slot = "Bad-Slot"}, "/data");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::invalid);
  EXPECT_EQ(refused.error().message,
            "--slot: expected 1 to 63 of a-z, 0-9 and _, found \"Bad-Slot\"");
}

TEST(DevTest, TheFolderIsTheSameAtEveryStartAndAnotherForAnotherSlot) {
  auto home = variables({{"HOME", "/home/u"}});
  EXPECT_EQ(dev_folder({.uri = "a"}, home), dev_folder({.uri = "a"}, home));
  EXPECT_NE(dev_folder({.uri = "a"}, home), dev_folder({.uri = "a", .slot = "other"}, home));
  EXPECT_TRUE(dev_folder({.uri = "a"}, home).starts_with("/home/u/.local/state/tailrace/dev-"));
  EXPECT_TRUE(dev_folder({.uri = "a"}, variables({{"XDG_STATE_HOME", "/s"}}))
                  .starts_with("/s/tailrace/dev-"));
}

}  // namespace
}  // namespace tailrace::cli
