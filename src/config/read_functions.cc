#include <algorithm>
#include <cctype>
#include <set>

#include "config/sections.h"

namespace tailrace::config {
namespace {

using function::Runtime;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t mib = 1 << 20;
constexpr std::uint64_t memory_mib_min = 128, memory_mib_max = 10240;
// Lambda's limit for all names and values together.
constexpr std::size_t environment_bytes_max = 4096;

// Set by the platform for each worker; a value of the user's would be lost or break the worker.
const std::set<std::string_view> reserved_variables = {
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
    "TZ",
};

bool is_function_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return c < 0x80 && (std::isalnum(c) || c == '-' || c == '_');
         });
}

bool is_variable_name(std::string_view name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) return false;
  return std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return c < 0x80 && (std::isalnum(c) || c == '_'); });
}

void read_handler(Fields& fields, function::FunctionSpec& spec) {
  if (spec.runtime != Runtime::provided) fields.require("handler");
  auto handler = fields.text("handler");
  if (!handler) return;
  std::size_t dot = handler->rfind('.');
  bool has_both = dot != std::string::npos && dot > 0 && dot + 1 < handler->size();
  if (spec.runtime != Runtime::provided && !has_both)
    fields.error("handler",
                 "expected FILE.FUNCTION such as app.lambda_handler, found \"" + *handler + "\"");
  spec.handler = *std::move(handler);
}

void read_environment(Reading& reading, Fields& fields, function::FunctionSpec& spec) {
  const Node* node = fields.find("environment");
  if (!node) return;
  const std::string path = fields.key("environment");
  std::size_t bytes = 0;
  for (const Node::Member* member : named_members(reading, *node, path, "variable")) {
    const std::string& name = member->key.text;
    const std::string key = path + "." + name;
    if (!is_variable_name(name))
      reading.error(member->key.place, key,
                    "a variable's name is letters, digits and _, and begins with no digit");
    else if (reserved_variables.contains(name))
      reading.error(member->key.place, key,
                    "this variable is set by the runtime; choose another name");
    if (member->value.kind == Node::Kind::sequence || member->value.kind == Node::Kind::mapping) {
      reading.error(member->value.place, key, "expected text, found " + describe(member->value));
      continue;
    }
    auto value = reading.interpolated(member->value, key);
    if (!value) continue;
    if (value->find('\0') != std::string::npos)
      reading.error(member->value.place, key, "a variable's value cannot hold a NUL character");
    bytes += name.size() + value->size();
    spec.environment[name] = *std::move(value);
  }
  if (bytes > environment_bytes_max)
    reading.error(
        node->place, path,
        "names and values have " + std::to_string(bytes) + " bytes; at most 4096 are possible");
}

function::FunctionSpec read_function(Reading& reading, const Node::Member& member) {
  function::FunctionSpec spec;
  spec.name = member.key.text;
  const std::string path = "functions." + spec.name;
  Fields fields(reading, member.value, path, member.key.place,
                {"runtime", "code", "handler", "timeout", "memory", "concurrency", "environment"});
  if (!is_function_name(spec.name))
    reading.error(member.key.place, path, "a function's name is 1 to 64 of a-z, A-Z, 0-9, - and _");

  fields.require("runtime");
  auto runtime =
      fields.choice<Runtime>("runtime", {{name_of(Runtime::python3), Runtime::python3},
                                         {name_of(Runtime::nodejs), Runtime::nodejs},
                                         {name_of(Runtime::provided), Runtime::provided}});
  if (runtime) spec.runtime = *runtime;
  fields.require("code");
  if (auto code = fields.text("code")) {
    spec.code = reading.absolute(*code);
    // Only a warning: the others still run, and a file may be checked on another machine.
    if (!reading.surroundings().is_folder(spec.code))
      reading.warning(fields.place_of("code"), fields.key("code"),
                      "there is no folder " + spec.code);
  }
  read_handler(fields, spec);
  if (auto timeout =
          fields.duration("timeout", "such as 3s, from 1s to 900s", seconds(1), seconds(900)))
    spec.timeout = *timeout;
  if (auto memory = fields.size("memory", "such as 128MiB, from 128MiB to 10240MiB",
                                memory_mib_min * mib, memory_mib_max * mib)) {
    if (*memory % mib != 0)
      fields.error("memory",
                   "expected whole MiB, such as 128MiB, found " + describe(*fields.find("memory")));
    spec.memory_mib = static_cast<std::uint32_t>(*memory / mib);
  }
  if (auto concurrency = fields.whole("concurrency", 1, 1000))
    spec.concurrency_max = static_cast<std::uint32_t>(*concurrency);
  read_environment(reading, fields, spec);
  return spec;
}

}  // namespace

void read_functions(Reading& reading, const Node& node, catalog::Declaration& declaration,
                    Names& names) {
  for (const Node::Member* member : named_members(reading, node, "functions", "function")) {
    declaration.functions.push_back(read_function(reading, *member));
    names.functions.push_back(member->key.text);
  }
}

}  // namespace tailrace::config
