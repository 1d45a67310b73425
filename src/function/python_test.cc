#include "function/functions_fixture.h"

namespace tailrace::function {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class PythonTest : public FunctionsTest {};

TEST_F(PythonTest, AHandlerAnswersAndIsReusedWarm) {
  put_python("import os\ndef handler(event, context):\n  return [event, os.getpid()]\n");
  auto first = invoke(R"({"a":"gr\u00fc\u00df \ud83d\ude00"})");
  EXPECT_EQ(first.outcome, Outcome::ok) << first.payload;
  EXPECT_THAT(first.payload, StartsWith(R"([{"a": "gr\u00fc\u00df \ud83d\ude00"}, )"));
  EXPECT_EQ(invoke(R"({"a":"gr\u00fc\u00df \ud83d\ude00"})").payload, first.payload);
  EXPECT_EQ(status().cold_starts, 1u);
  EXPECT_EQ(status().invocations, 2u);
}

TEST_F(PythonTest, TheContextIsAsLambdaGivesIt) {
  put_python(R"(
def handler(event, context):
  left = context.get_remaining_time_in_millis()
  return [context.aws_request_id, context.function_name, context.memory_limit_in_mb,
          context.invoked_function_arn, context.client_context,
          context.identity.cognito_identity_id, 0 < left <= 3000]
)");
  EXPECT_EQ(
      invoke("{}", "id-1").payload,
      R"(["id-1", "f", "128", "arn:aws:lambda:eu-west-1:123456789012:function:f", null, null, true])");
}

TEST_F(PythonTest, TheRegionIsTheAccountsUnlessTheFunctionNamesAnother) {
  FunctionSpec wanted;
  wanted.environment = {{"AWS_DEFAULT_REGION", "us-west-2"}};
  put_python(R"(
import os
def handler(event, context): return [os.environ["AWS_REGION"], os.environ["AWS_DEFAULT_REGION"]]
)",
             wanted);
  EXPECT_EQ(invoke().payload, R"(["eu-west-1", "us-west-2"])");
}

TEST_F(PythonTest, AnExceptionIsAFunctionErrorAndKeepsTheWorker) {
  put_python("def handler(event, context):\n  raise ValueError('no \\x1b[31m good')\n");
  auto result = invoke("{}", "id-1");
  EXPECT_EQ(result.outcome, Outcome::function_error);
  EXPECT_THAT(result.payload,
              StartsWith(R"({"errorMessage": "no \u001b[31m good", "errorType": "ValueError", )"
                         R"("requestId": "id-1", "stackTrace": ["  File )"));
  EXPECT_THAT(result.payload, Not(HasSubstr("bootstrap.py")));
  EXPECT_THAT(result.log_tail, HasSubstr("[ERROR] ValueError: no \\x1b[31m good\nTraceback"));
  invoke();
  EXPECT_EQ(status().cold_starts, 1u);
  EXPECT_EQ(status().errors, 2u);
  EXPECT_EQ(status().last_error, "ValueError: no \\x1b[31m good");
}

TEST_F(PythonTest, InitErrorsAreReportedAsPosted) {
  struct Case {
    std::string code, handler, type;
  };
  for (const auto& each : {Case{"import nowhere", "app.handler", "Runtime.ImportModuleError"},
                           Case{"def handler(:", "app.handler", "Runtime.UserCodeSyntaxError"},
                           Case{"x = 1", "app.handler", "Runtime.HandlerNotFound"},
                           Case{"raise KeyError('k')", "app.handler", "KeyError"},
                           Case{"import sys; sys.exit(3)", "app.handler", "SystemExit"}}) {
    write("app.py", each.code);
    put(spec());
    auto result = invoke();
    EXPECT_EQ(result.outcome, Outcome::function_error) << each.code;
    EXPECT_THAT(result.payload, HasSubstr("\"errorType\": \"" + each.type + "\"")) << each.code;
    EXPECT_THAT(result.payload, HasSubstr(R"("requestId": "")")) << each.code;
    EXPECT_THAT(result.log_tail, HasSubstr("[ERROR] " + each.type)) << each.code;
  }
}

TEST_F(PythonTest, ANestedModuleAndItsNeighboursAreFound) {
  write("pkg/deep.py", "from beside import x\ndef run(e, c): return x\n");
  write("beside.py", "x = 7\n");
  auto wanted = spec();
  wanted.handler = "pkg/deep.run";
  put(wanted);
  EXPECT_EQ(invoke().payload, "7");
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/code/__pycache__"));
}

TEST_F(PythonTest, AnswersThatAreNotJsonAreMarshalErrors) {
  put_python("def handler(event, context):\n  return object() if event else b'raw'\n");
  EXPECT_THAT(invoke("1").payload, HasSubstr("Runtime.MarshalError"));
  EXPECT_EQ(invoke("0").payload, "raw");
  EXPECT_THAT(invoke("nonsense").payload, HasSubstr("Runtime.UnmarshalError"));
}

TEST_F(PythonTest, LogLinesCarryTheirRequest) {
  put_python(R"(
import logging
print('while loading')
logging.basicConfig(level=logging.DEBUG)
def handler(event, context):
  logging.getLogger().setLevel(logging.INFO)
  print('event', event)
  logging.info('informed')
  import sys; sys.stdout.write('unended')
)");
  auto first = invoke("1", "id-1");
  EXPECT_THAT(first.log_tail, HasSubstr("while loading\n"));
  EXPECT_THAT(first.log_tail, HasSubstr("Init Duration: "));
  auto second = invoke("2", "id-2");
  EXPECT_THAT(second.log_tail,
              StartsWith("START RequestId: id-2 Version: $LATEST\nevent 2\n[INFO]\t"));
  EXPECT_THAT(
      second.log_tail,
      HasSubstr(
          "Z\tid-2\tinformed\nunended\nEND RequestId: id-2\nREPORT RequestId: id-2\tDuration: "));
  std::map<std::string, std::string> ids;
  for (const auto& line : functions_->logs("f", 0, 1000)) ids[line.text] = line.request_id;
  EXPECT_EQ(ids.at("event 1"), "id-1");
  EXPECT_EQ(ids.at("event 2"), "id-2");
  EXPECT_EQ(ids.at("while loading"), "");
}

TEST_F(PythonTest, TheServersEnvironmentDoesNotReachAWorker) {
  ::setenv("TAILRACE_CANARY", "secret", 1);
  FunctionSpec wanted;
  wanted.environment = {{"MINE", "gr\xc3\xbc\xc3\x9f"}};
  put_python(R"(
import os, resource
def handler(event, context):
  fds = sorted(int(n) for n in os.listdir('/proc/self/fd'))
  return {'env': dict(os.environ), 'fds': len(fds), 'core': resource.getrlimit(resource.RLIMIT_CORE)[0],
          'cwd': os.getcwd(), 'tmp': os.environ['TMPDIR'], 'session': os.getsid(0) == os.getpid()}
)",
             wanted);
  auto result = invoke();
  EXPECT_EQ(result.outcome, Outcome::ok) << result.payload;
  EXPECT_THAT(result.payload, Not(HasSubstr("CANARY")));
  EXPECT_THAT(result.payload, HasSubstr(R"("MINE": "gr\u00fc\u00df")"));
  // Three streams, the connection, and the listing itself.
  EXPECT_THAT(result.payload, HasSubstr(R"("fds": 5, "core": 0, "cwd": ")" + folder_ + "/code\""));
  EXPECT_THAT(result.payload, HasSubstr(R"("session": true)"));
  ::unsetenv("TAILRACE_CANARY");
}

TEST_F(PythonTest, AnOversizeAnswerIsAFunctionErrorAndKeepsTheWorker) {
  // Without room for a second one, which would start while the first is busy with its large answer.
  FunctionSpec wanted;
  wanted.concurrency_max = 1;
  put_python("def handler(event, context):\n  return 'a' * event\n", wanted);
  EXPECT_EQ(invoke("6291554").outcome, Outcome::ok);
  auto result = invoke("6291555");
  EXPECT_EQ(result.outcome, Outcome::function_error);
  EXPECT_EQ(result.payload,
            R"({"errorType":"Function.ResponseSizeTooLarge","errorMessage":)"
            R"("Response payload size exceeded maximum allowed payload size (6291556 bytes)."})");
  EXPECT_EQ(invoke("1").payload, R"("a")");
  EXPECT_EQ(status().cold_starts, 1u);
}

TEST_F(PythonTest, ALargeEventArrivesWhole) {
  put_python("def handler(event, context):\n  return len(event)\n");
  EXPECT_EQ(invoke("\"" + std::string(6000000, 'a') + "\"").payload, "6000000");
}

}  // namespace
}  // namespace tailrace::function
