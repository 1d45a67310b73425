#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/result.h"
#include "record/account.h"

namespace boost::asio {
class io_context;
}

namespace tailrace::function {

enum class Runtime { python3, nodejs, provided };
std::optional<Runtime> parse_runtime(std::string_view name);
std::string_view name_of(Runtime runtime);

// What the catalogue keeps of a function.
struct FunctionSpec {
  std::string name;  // 1-64 of [a-zA-Z0-9-_]
  Runtime runtime = Runtime::python3;
  std::string code;     // a folder, absolute
  std::string handler;  // "app.lambda_handler"; ignored by `provided` except as _HANDLER
  std::chrono::milliseconds timeout{3000};  // 1 s to 900 s
  std::uint32_t memory_mib = 128;           // 128 to 10240
  std::uint32_t concurrency_max = 4;        // workers at once, 1 to 1000
  std::map<std::string, std::string> environment;
  bool operator==(const FunctionSpec&) const = default;
};

struct Invocation {
  std::shared_ptr<const std::string> payload;  // the event, JSON
  std::string request_id;  // a UUID; empty: a new one. A retry of the same batch keeps its id
};

struct InvokeResult {
  enum class Outcome {
    ok,
    function_error,  // the handler raised, timed out, exited, or its init failed: payload has why
    throttled,       // every worker is busy and none may be added: try again
    failed,          // the platform could not run it (no such function, no such interpreter)
  };
  Outcome outcome = Outcome::failed;
  std::string payload;  // the answer, or {"errorType","errorMessage",...} as Lambda words it
  std::string request_id;
  std::string log_tail;  // last 4 KiB of what the worker printed for this request
  std::chrono::microseconds duration{0};
};

struct LogLine {
  std::uint64_t number = 0;  // counts the function's lines, from 1
  UnixMicros time;
  std::string request_id;  // empty outside an invocation
  std::string text;        // control characters neutralised
};

// Functions and their worker processes. Any thread may call; callbacks run on the I/O pool.
//
// A worker is a process of its own group that talks Lambda's Runtime API on a loopback port of its
// own. Workers start when they are needed, are reused while warm and end after five idle minutes. A
// timeout or a breach of the memory limit kills the whole process tree.
class Functions {
 public:
  // `account`: whose the functions are, as handlers see it. `folder`: where runtime clients and
  // workers' temporary folders live.
  static Result<std::unique_ptr<Functions>> make(boost::asio::io_context& io,
                                                 const Account& account, const std::string& folder,
                                                 Clock& clock);
  // Kills every worker. Invocations in flight end with Outcome::failed.
  virtual ~Functions() = default;

  // Adds or replaces. Fault::invalid: the code folder, handler file or interpreter is missing (the
  // message says which and what to do). Workers of the old version finish what they have.
  virtual Result<void> put(FunctionSpec spec) = 0;
  virtual Result<void> remove(const std::string& name) = 0;
  virtual std::optional<FunctionSpec> find(const std::string& name) const = 0;

  virtual void invoke(const std::string& name, Invocation invocation,
                      std::function<void(InvokeResult)> done) = 0;

  // Lines after `after`, oldest first, of the last few thousand that are kept in memory.
  virtual std::vector<LogLine> logs(const std::string& name, std::uint64_t after,
                                    std::size_t lines_max) const = 0;
  // `wake` after a new line (brief, not blocking); unsubscribe with the returned id.
  virtual std::uint64_t subscribe_logs(const std::string& name, std::function<void()> wake) = 0;
  virtual void unsubscribe_logs(std::uint64_t subscription) = 0;

  struct Status {
    FunctionSpec spec;
    std::uint32_t workers = 0, busy = 0;
    std::uint64_t invocations = 0, errors = 0, timeouts = 0, crashes = 0, cold_starts = 0,
                  throttles = 0;
    std::uint64_t duration_micros = 0;  // sum over invocations
    std::string last_error;  // the newest function error's "type: message", empty if none
  };
  virtual std::vector<Status> status() const = 0;
};

}  // namespace tailrace::function
