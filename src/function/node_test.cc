#include "function/functions_fixture.h"

namespace tailrace::function {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class NodeTest : public FunctionsTest {};

TEST_F(NodeTest, AnAsyncHandlerAnswersAndIsReusedWarm) {
  put_node("exports.handler = async (event) => [event.a, process.pid, process.env.CANARY];");
  auto first = invoke(R"({"a":"grüß 😀"})");
  EXPECT_EQ(first.outcome, Outcome::ok) << first.payload << first.log_tail;
  EXPECT_THAT(first.payload, StartsWith(R"(["grüß 😀",)"));
  EXPECT_EQ(invoke(R"({"a":"grüß 😀"})").payload, first.payload);
  EXPECT_EQ(status().cold_starts, 1u);
}

TEST_F(NodeTest, ModulesOfBothKindsAreLoaded) {
  put_node("export const handler = async () => 'esm';", "index.mjs");
  EXPECT_EQ(invoke().payload, R"("esm")");
  std::filesystem::remove(folder_ + "/code/index.mjs");
  write("package.json", R"({"type":"module"})");
  put_node("export const handler = async () => 'by package';");
  EXPECT_EQ(invoke().payload, R"("by package")");
  std::filesystem::remove(folder_ + "/code/index.js");
  put_node("exports.handler = async () => 'cjs';", "index.cjs");
  EXPECT_EQ(invoke().payload, R"("cjs")");
}

TEST_F(NodeTest, CallbacksAnswerWhenTheLoopIsEmpty) {
  put_node(R"(
let late = 'no';
exports.handler = (event, context, callback) => {
  if (event === 'at once') context.callbackWaitsForEmptyEventLoop = false;
  if (event === 'succeed') return context.succeed('done');
  if (event === 'fail') return callback(new TypeError('bad'));
  if (event === 'silent') return;
  setTimeout(() => { late = 'yes'; }, 30);
  callback(null, { get late() { return late; } });
};)");
  EXPECT_EQ(invoke(R"("wait")").payload, R"({"late":"yes"})");
  EXPECT_EQ(invoke(R"("succeed")").payload, R"("done")");
  EXPECT_EQ(invoke(R"("silent")").payload, "null");
  EXPECT_THAT(
      invoke(R"("fail")").payload,
      StartsWith(R"({"errorType":"TypeError","errorMessage":"bad","trace":["TypeError: bad",)"));
}

TEST_F(NodeTest, ErrorsAreToldAsLambdaTellsThem) {
  put_node(R"(
exports.handler = async (event) => {
  if (event === 'throw') throw new RangeError('far');
  if (event === 'text') throw 'just text';
  if (event === 'never') return new Promise(() => {});
  if (event === 'uncaught') { setTimeout(() => { throw new Error('loose'); }, 1); return new Promise(() => setTimeout(() => {}, 9000)); }
  if (event === 'big') return { n: 1n };
};)");
  EXPECT_THAT(invoke(R"("throw")").payload,
              StartsWith(R"({"errorType":"RangeError","errorMessage":"far","trace":[)"));
  EXPECT_EQ(invoke(R"("text")").payload,
            R"({"errorType":"string","errorMessage":"just text","trace":[]})");
  EXPECT_THAT(invoke(R"("never")").payload, HasSubstr("Runtime.NodeJsExit"));
  EXPECT_THAT(invoke(R"("big")").payload, HasSubstr("Runtime.MarshalError"));
  EXPECT_EQ(invoke(R"("undefined")").payload, "null");
  EXPECT_EQ(status().cold_starts, 1u);
  EXPECT_THAT(invoke(R"("uncaught")").payload, HasSubstr(R"("errorMessage":"loose")"));
}

TEST_F(NodeTest, InitErrorsAreReportedAsPosted) {
  struct Case {
    std::string code, type;
  };
  for (const auto& each : {Case{"require('nowhere')", "Runtime.ImportModuleError"},
                           Case{"exports.handler = (", "Runtime.UserCodeSyntaxError"},
                           Case{"exports.other = 1", "Runtime.HandlerNotFound"},
                           Case{"throw new RangeError('r')", "RangeError"}}) {
    put_node(each.code);
    auto result = invoke();
    EXPECT_EQ(result.outcome, Outcome::function_error) << each.code;
    EXPECT_THAT(result.payload, StartsWith("{\"errorType\":\"" + each.type + "\"")) << each.code;
  }
}

TEST_F(NodeTest, LogLinesCarryTheirRequest) {
  put_node(
      "exports.handler = async (e, c) => { console.log('two\\nlines', c.awsRequestId); "
      "console.error('e'); };");
  auto result = invoke("{}", "id-1");
  EXPECT_THAT(result.log_tail, HasSubstr("Z\tid-1\tINFO\ttwo\nlines id-1\n"));
  EXPECT_THAT(result.log_tail, HasSubstr("Z\tid-1\tERROR\te\n"));
}

TEST_F(NodeTest, ALargeEventAndAnOversizeAnswerAreHandled) {
  put_node("exports.handler = async (e) => e.length > 10 ? e.length : 'a'.repeat(7000000);");
  EXPECT_EQ(invoke("\"" + std::string(6000000, 'a') + "\"").payload, "6000000");
  EXPECT_THAT(invoke(R"("")").payload, HasSubstr("Function.ResponseSizeTooLarge"));
  EXPECT_EQ(invoke(R"("01234567890")").payload, "11");
}

}  // namespace
}  // namespace tailrace::function
