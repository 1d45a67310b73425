#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "function/functions_fixture.h"
#include "function/process_tree.h"

namespace tailrace::function {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class WorkersTest : public FunctionsTest {
 protected:
  static FunctionSpec with_timeout(int seconds) {
    FunctionSpec wanted;
    wanted.timeout = std::chrono::seconds(seconds);
    return wanted;
  }
};

TEST_F(WorkersTest, ATimeoutKillsTheWholeTreeAndTheNextEventGetsAFreshWorker) {
  put_python(R"(
import os, subprocess, time
def daemon(clean):
  if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
      env = {} if clean else os.environ
      os.execvpe('sleep', ['sleep', '1000'], env)
    os._exit(0)
  os.wait()
def handler(event, context):
  if event == 'quick': return 'quick'
  daemon(False)
  daemon(True)
  subprocess.Popen(['sh', '-c', 'sleep 1000 & sleep 1000'], start_new_session=True)
  print('hanging', flush=True)
  time.sleep(1000)
)",
             with_timeout(1));
  auto result = invoke("{}", "id-1");
  EXPECT_EQ(result.outcome, Outcome::function_error);
  EXPECT_EQ(result.payload, R"({"errorType":"Sandbox.Timedout","errorMessage":)"
                            R"("RequestId: id-1 Error: Task timed out after 1.00 seconds"})");
  EXPECT_THAT(result.log_tail, HasSubstr("hanging\n"));
  EXPECT_THAT(result.log_tail, HasSubstr("Status: timeout"));
  EXPECT_LT(result.duration, std::chrono::milliseconds(1500));
  EXPECT_EQ(invoke(R"("quick")").payload, R"("quick")");
  EXPECT_EQ(status().timeouts, 1u);
  EXPECT_EQ(status().cold_starts, 2u);
}

TEST_F(WorkersTest, ATimeoutLeavesNoMarkedProcess) {
  put_python(R"(
import os, time
def handler(event, context):
  if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
      os.execvp('sleep', ['sleep', '1000'])
    os._exit(0)
  os.wait()
  time.sleep(1000)
)",
             with_timeout(1));
  invoke();
  EXPECT_EQ(processes(), 0u);
}

TEST_F(WorkersTest, WhatOutlivedAKilledServerEndsAtTheNextStart) {
  // A folder as a server leaves it that was killed while two workers ran.
  for (const char* mark : {"5eed-1", "5eed-2"})
    std::filesystem::create_directories(folder_ + "/earlier/tmp/" + mark);
  auto start = [](const char* variable) {
    const char* environment[] = {variable, nullptr};
    pid_t pid = ::fork();
    if (pid == 0) {
      ::setsid();
      ::execle("/bin/sleep", "sleep", "1000", nullptr, environment);
      ::_exit(127);
    }
    return pid;
  };
  pid_t left = start("TAILRACE_WORKER=5eed-2"), other = start("TAILRACE_WORKER=5eed-3");
  auto runs = [](pid_t pid, const std::string& program) {
    std::ifstream name("/proc/" + std::to_string(pid) + "/comm");
    std::string text;
    return std::getline(name, text) && text == program;
  };
  while (!runs(left, "sleep") || !runs(other, "sleep")) std::this_thread::yield();

  auto started = Functions::make(io_, account_, folder_ + "/earlier", clock_);
  ASSERT_TRUE(started) << started.error().message;

  int status = 0;
  ASSERT_EQ(::waitpid(left, &status, 0), left);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_EQ(::waitpid(other, &status, WNOHANG), 0) << "another server's worker is left alone";
  ::kill(other, SIGKILL);
  ::waitpid(other, &status, 0);
}

TEST_F(WorkersTest, AnEndOfTheProcessIsToldAsLambdaTellsIt) {
  put_python(R"(
import os, signal
def handler(event, context):
  if event == 'kill': os.kill(os.getpid(), signal.SIGKILL)
  if event == 'segv': os.kill(os.getpid(), signal.SIGSEGV)
  os._exit(event)
)");
  auto error_of = [&](const std::string& event) { return invoke(event, "id").payload; };
  const std::string start =
      R"({"errorType":"Runtime.ExitError","errorMessage":"RequestId: id Error: Runtime exited )";
  EXPECT_EQ(error_of("0"), start + R"(without providing a reason"})");
  EXPECT_EQ(error_of("127"), start + R"(with error: exit status 127"})");
  EXPECT_EQ(error_of(R"("kill")"), start + R"(with error: signal: killed"})");
  EXPECT_EQ(error_of(R"("segv")"), start + R"(with error: signal: segmentation fault"})");
  EXPECT_EQ(status().crashes, 4u);
}

TEST_F(WorkersTest, AMemoryHogIsKilledAndNamed) {
  put_python(R"(
import time
def handler(event, context):
  hog = bytearray(300 << 20)
  time.sleep(1000)
)",
             with_timeout(60));
  auto result = invoke();
  EXPECT_THAT(result.payload, HasSubstr("Runtime.OutOfMemory"));
  EXPECT_THAT(result.payload, HasSubstr("signal: killed: out of memory, the limit is 128 MB"));
}

TEST_F(WorkersTest, AFloodOfOutputIsCutAndCounted) {
  put_python(R"(
import os
def handler(event, context):
  for _ in range(100): os.write(1, b'x' * 1023 * 64 + b'\n')
  for _ in range(300): os.write(1, b'y' * 8191 + b'\n')
)",
             with_timeout(60));
  auto result = invoke();
  EXPECT_EQ(result.outcome, Outcome::ok) << result.payload;
  EXPECT_THAT(result.log_tail, HasSubstr("bytes were dropped]\nEND"));
  EXPECT_LE(result.log_tail.size(), 4096u);
  std::size_t kept = 0;
  for (const auto& line : functions_->logs("f", 0, 100000)) kept += line.text.size();
  EXPECT_LT(kept, 2u << 20);
}

TEST_F(WorkersTest, ConcurrencyIsLimitedThenCallersWaitThenTheyAreThrottled) {
  FunctionSpec wanted = with_timeout(60);
  wanted.concurrency_max = 2;
  put_python(R"(
import os, time
def handler(event, context):
  print('begun', flush=True)
  while not os.path.exists(event): time.sleep(0.01)
  return os.getpid()
)",
             wanted);
  auto flag = folder_ + "/go";
  std::vector<std::future<InvokeResult>> asked;
  for (int i = 0; i < 34; ++i) asked.push_back(invoke_later("\"" + flag + "\""));
  // Two workers, sixteen waiting for each; those being started are not taken off the queue yet.
  auto before = status();
  EXPECT_LE(before.workers, 2u);
  for (int i = 0; i < 8; ++i) asked.push_back(invoke_later("\"" + flag + "\""));
  std::ofstream(flag).close();
  std::set<std::string> answers;
  std::size_t throttled = 0;
  for (auto& each : asked) {
    auto result = each.get();
    if (result.outcome == Outcome::throttled) ++throttled;
    if (result.outcome == Outcome::ok) answers.insert(result.payload);
  }
  EXPECT_GE(throttled, 6u);
  EXPECT_LE(throttled, 10u);
  EXPECT_LE(answers.size(), 2u);
  EXPECT_EQ(status().throttles, throttled);
}

TEST_F(WorkersTest, AReplacedFunctionFinishesWhatItHas) {
  put_python(R"(
import os, time
def handler(event, context):
  print('begun', flush=True)
  while not os.path.exists(event): time.sleep(0.01)
  return 'old'
)",
             with_timeout(60));
  auto flag = folder_ + "/go";
  auto old = invoke_later("\"" + flag + "\"");
  ASSERT_TRUE(wait_for_line("begun"));
  put_python("def handler(event, context):\n  return 'new'\n");
  EXPECT_EQ(invoke().payload, R"("new")");
  std::ofstream(flag).close();
  EXPECT_EQ(old.get().payload, R"("old")");
}

TEST_F(WorkersTest, ARemovedFunctionFinishesWhatItHasAndTakesNothingNew) {
  put_python(R"(
import os, time
def handler(event, context):
  print('begun', flush=True)
  while not os.path.exists(event): time.sleep(0.01)
  return 'done'
)",
             with_timeout(60));
  auto flag = folder_ + "/go";
  auto running = invoke_later("\"" + flag + "\"");
  ASSERT_TRUE(wait_for_line("begun"));
  ASSERT_TRUE(functions_->remove("f"));
  auto refused = invoke();
  EXPECT_EQ(refused.outcome, Outcome::failed);
  EXPECT_THAT(refused.payload, HasSubstr("there is no function f"));
  EXPECT_FALSE(functions_->remove("f"));
  std::ofstream(flag).close();
  EXPECT_EQ(running.get().payload, R"("done")");
}

TEST_F(WorkersTest, DestructionKillsAndFailsWhatIsInFlight) {
  put_python("import time\ndef handler(e, c):\n  print('begun', flush=True)\n  time.sleep(1000)\n",
             with_timeout(60));
  auto running = invoke_later();
  ASSERT_TRUE(wait_for_line("begun"));
  functions_.reset();
  EXPECT_EQ(running.get().outcome, Outcome::failed);
  EXPECT_EQ(processes(), 0u);
}

TEST_F(WorkersTest, AFailingInitIsNotRepeatedInAHotLoop) {
  put_python("raise RuntimeError('never')\n");
  auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(invoke().outcome, Outcome::function_error);
  // Waits of 100, 200 and 400 ms lie between the four.
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(700));
  EXPECT_EQ(status().cold_starts, 4u);
}

TEST_F(WorkersTest, AProvidedRuntimeTalksTheRuntimeApi) {
  write("bootstrap", R"sh(#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
  event=$(curl -s -D "$TMPDIR/head" "$api/next")
  id=$(tr -d '\r' < "$TMPDIR/head" | sed -n 's/^lambda-runtime-aws-request-id: //Ip')
  curl -s "$api/wrong/response" -d no > "$TMPDIR/wrong"
  curl -s "$api/$id/response" -d "$_HANDLER got $event, then $(cat "$TMPDIR/wrong")"
  curl -s "$api/$id/error" -d again
  echo
done
)sh");
  auto wanted = spec(Runtime::provided);
  EXPECT_FALSE(functions_->put(wanted)) << "not executable yet";
  std::filesystem::permissions(folder_ + "/code/bootstrap", std::filesystem::perms::owner_all);
  put(wanted);
  auto result = invoke(R"({"a":1})");
  EXPECT_EQ(result.outcome, Outcome::ok);
  EXPECT_EQ(result.payload,
            R"(app.handler got {"a":1}, then )"
            R"({"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"})");
  EXPECT_TRUE(wait_for_line("InvalidStateTransition"));
  EXPECT_EQ(invoke("2").outcome, Outcome::ok);
}

TEST_F(WorkersTest, ARuntimeThatAsksTwiceGetsTheSameEvent) {
  write("bootstrap", R"sh(#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
one=$(curl -s "$api/next")
two=$(curl -s -D "$TMPDIR/head" "$api/next")
id=$(tr -d '\r' < "$TMPDIR/head" | sed -n 's/^lambda-runtime-aws-request-id: //Ip')
curl -s "$api/$id/response" -d "$one $two"
)sh");
  std::filesystem::permissions(folder_ + "/code/bootstrap", std::filesystem::perms::owner_all);
  put(spec(Runtime::provided));
  EXPECT_EQ(invoke("7").payload, "7 7");
}

TEST_F(WorkersTest, PutSaysWhatIsMissing) {
  write("app.py", "");
  auto message_of = [&](FunctionSpec wanted) {
    auto result = functions_->put(std::move(wanted));
    EXPECT_FALSE(result);
    EXPECT_EQ(result ? Fault::internal : result.error().fault, Fault::invalid);
    return result ? "" : result.error().message;
  };
  auto wanted = spec();
  wanted.code = folder_ + "/absent";
  EXPECT_THAT(message_of(wanted), HasSubstr(folder_ + "/absent does not exist"));
  wanted = spec();
  wanted.handler = "other.handler";
  EXPECT_THAT(message_of(wanted), HasSubstr("there is no other.py"));
  wanted.handler = "nodot";
  EXPECT_THAT(message_of(wanted), HasSubstr("file.function"));
  wanted.handler = "../../etc/x.y";
  EXPECT_THAT(message_of(wanted), HasSubstr("inside the code folder"));
  wanted = spec();
  wanted.name = "bad name";
  EXPECT_THAT(message_of(wanted), HasSubstr("1 to 64 letters"));
  wanted = spec();
  wanted.timeout = std::chrono::seconds(901);
  EXPECT_THAT(message_of(wanted), HasSubstr("900 s"));
  wanted = spec();
  wanted.environment = {{"AWS_LAMBDA_RUNTIME_API", "x"}};
  EXPECT_THAT(message_of(wanted), HasSubstr("set by the platform"));
  EXPECT_THAT(message_of(spec(Runtime::provided)),
              HasSubstr("there is no " + folder_ + "/code/bootstrap"));
  EXPECT_FALSE(functions_->find("f"));
}

}  // namespace
}  // namespace tailrace::function
