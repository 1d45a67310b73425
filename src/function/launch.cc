#include "function/launch.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "function/process_tree.h"

namespace tailrace::function {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view plain_path = "/usr/local/bin:/usr/bin:/bin";
// Lambda's limit.
constexpr std::size_t environment_bytes_max = 4096;

Error invalid(std::string message) { return {Fault::invalid, std::move(message)}; }

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_name_char(char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; }

// Found once per put(), not at each start: a worker never runs another interpreter than was
// checked.
std::optional<std::string> find_program(std::string_view name) {
  const char* own = std::getenv("PATH");
  std::string_view path = own ? std::string_view(own) : plain_path;
  while (!path.empty()) {
    auto end = std::min(path.find(':'), path.size());
    auto folder = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (folder.empty() || folder.front() != '/') continue;
    auto file = std::string(folder) + "/" + std::string(name);
    struct stat status {};
    if (::stat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
        ::access(file.c_str(), X_OK) == 0)
      return file;
  }
  return std::nullopt;
}

Result<void> check_environment(const FunctionSpec& spec) {
  static constexpr std::array<std::string_view, 12> reserved = {
      "_HANDLER",
      "_X_AMZN_TRACE_ID",
      "AWS_EXECUTION_ENV",
      "AWS_LAMBDA_FUNCTION_NAME",
      "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
      "AWS_LAMBDA_FUNCTION_VERSION",
      "AWS_LAMBDA_INITIALIZATION_TYPE",
      "AWS_LAMBDA_RUNTIME_API",
      "LAMBDA_TASK_ROOT",
      "LAMBDA_RUNTIME_DIR",
      "TMPDIR",
      mark_name,
  };
  std::size_t bytes = 0;
  for (const auto& [name, value] : spec.environment) {
    if (name.empty() || !is_letter(name[0]) || !std::all_of(name.begin(), name.end(), is_name_char))
      return invalid("environment variable '" + name +
                     "': a name is letters, digits and underscores, and starts with a letter");
    if (std::find(reserved.begin(), reserved.end(), name) != reserved.end())
      return invalid("environment variable '" + name + "' is set by the platform; remove it");
    if (value.find('\0') != std::string::npos)
      return invalid("environment variable '" + name + "' contains a NUL byte");
    bytes += name.size() + value.size();
  }
  if (bytes > environment_bytes_max)
    return invalid("environment variables take " + std::to_string(bytes) +
                   " bytes, at most 4096 are allowed; put large values into a file");
  return {};
}

Result<void> check_limits(const FunctionSpec& spec) {
  if (spec.name.empty() || spec.name.size() > 64 ||
      !std::all_of(spec.name.begin(), spec.name.end(),
                   [](char c) { return is_name_char(c) || c == '-'; }))
    return invalid("function name '" + spec.name +
                   "': 1 to 64 letters, digits, hyphens and underscores");
  if (spec.timeout < std::chrono::seconds(1) || spec.timeout > std::chrono::seconds(900))
    return invalid("timeout of " + std::to_string(spec.timeout.count()) + " ms: from 1 s to 900 s");
  if (spec.memory_mib < 128 || spec.memory_mib > 10240)
    return invalid("memory of " + std::to_string(spec.memory_mib) + " MiB: from 128 to 10240");
  if (spec.concurrency_max < 1 || spec.concurrency_max > 1000)
    return invalid("concurrency of " + std::to_string(spec.concurrency_max) + ": from 1 to 1000");
  return check_environment(spec);
}

bool is_inside(std::string_view relative) {
  return !relative.empty() && relative.front() != '/' &&
         relative.find("..") == std::string_view::npos &&
         relative.find('\0') == std::string_view::npos;
}

Result<void> need_file(const FunctionSpec& spec, const std::string& base,
                       const std::vector<std::string>& endings) {
  std::error_code ignored;
  std::string tried;
  for (const auto& ending : endings) {
    if (fs::is_regular_file(fs::path(spec.code) / (base + ending), ignored)) return {};
    tried += (tried.empty() ? "" : ", ") + base + ending;
  }
  return invalid("handler '" + spec.handler + "': there is no " + tried + " in " + spec.code +
                 "; the handler is written file.function");
}

Result<Launch> plan_python(const FunctionSpec& spec, const std::string& runtime_folder) {
  auto dot = spec.handler.rfind('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == spec.handler.size())
    return invalid("handler '" + spec.handler + "': write it as file.function, as app.handler");
  auto module = spec.handler.substr(0, dot);
  std::replace(module.begin(), module.end(), '.', '/');
  if (!is_inside(module))
    return invalid("handler '" + spec.handler + "' must lie inside the code folder");
  auto file = need_file(spec, module, {".py", "/__init__.py"});
  // Compiled modules have endings of their interpreter's own.
  std::error_code ignored;
  auto parent = (fs::path(spec.code) / module).parent_path();
  auto stem = fs::path(module).filename().string() + ".";
  bool is_compiled = false;
  for (fs::directory_iterator at(parent, ignored), end; !ignored && at != end;
       at.increment(ignored))
    is_compiled |= at->path().filename().string().starts_with(stem);
  if (!file && !is_compiled) return std::move(file).error();
  auto python = find_program("python3");
  if (!python)
    return invalid("python3 is not on PATH; install it (apt install python3) or fix PATH");
  return Launch{{*python, runtime_folder + "/bootstrap.py"},
                fs::path(*python).parent_path().string()};
}

Result<Launch> plan_node(const FunctionSpec& spec, const std::string& runtime_folder) {
  auto slash = spec.handler.rfind('/');
  auto dot = spec.handler.find('.', slash == std::string::npos ? 0 : slash + 1);
  if (dot == std::string::npos || dot == 0 || dot + 1 == spec.handler.size())
    return invalid("handler '" + spec.handler + "': write it as file.function, as index.handler");
  auto module = spec.handler.substr(0, dot);
  if (!is_inside(module))
    return invalid("handler '" + spec.handler + "' must lie inside the code folder");
  if (auto file = need_file(spec, module, {".js", ".mjs", ".cjs", "", "/index.js"}); !file)
    return std::move(file).error();
  auto node = find_program("node");
  if (!node) return invalid("node is not on PATH; install Node.js 18 or later, or fix PATH");
  return Launch{{*node, runtime_folder + "/bootstrap.cjs"}, fs::path(*node).parent_path().string()};
}

Result<Launch> plan_provided(const FunctionSpec& spec) {
  auto file = spec.code + "/bootstrap";
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored))
    return invalid("there is no " + file + "; runtime 'provided' starts that executable");
  if (::access(file.c_str(), X_OK) != 0)
    return invalid(file + " is not executable; run chmod +x " + file);
  return Launch{{file}, {}};
}

}  // namespace

std::optional<Runtime> parse_runtime(std::string_view name) {
  for (auto runtime : {Runtime::python3, Runtime::nodejs, Runtime::provided})
    if (name == name_of(runtime)) return runtime;
  return std::nullopt;
}

std::string_view name_of(Runtime runtime) {
  switch (runtime) {
    case Runtime::python3:
      return "python3";
    case Runtime::nodejs:
      return "nodejs";
    case Runtime::provided:
      return "provided";
  }
  __builtin_unreachable();
}

Result<Launch> plan_launch(const FunctionSpec& spec, const std::string& runtime_folder) {
  if (auto checked = check_limits(spec); !checked) return std::move(checked).error();
  std::error_code ignored;
  if (spec.code.empty() || spec.code.front() != '/')
    return invalid("code folder '" + spec.code + "' must be an absolute path");
  if (!fs::is_directory(spec.code, ignored))
    return invalid("code folder " + spec.code + " does not exist or is no folder");
  switch (spec.runtime) {
    case Runtime::python3:
      return plan_python(spec, runtime_folder);
    case Runtime::nodejs:
      return plan_node(spec, runtime_folder);
    case Runtime::provided:
      return plan_provided(spec);
  }
  __builtin_unreachable();
}

std::vector<std::string> worker_environment(const FunctionSpec& spec, const Launch& launch,
                                            const Account& account,
                                            const std::string& runtime_folder,
                                            const std::string& temporary_folder,
                                            const std::string& bytecode_folder, std::uint16_t port,
                                            const std::string& mark) {
  std::map<std::string, std::string> variables = {
      {"AWS_REGION", account.region},
      {"AWS_DEFAULT_REGION", account.region},
      {"LANG", "C.UTF-8"},
      {"PATH", launch.interpreter_folder.empty()
                   ? std::string(plain_path)
                   : launch.interpreter_folder + ":" + std::string(plain_path)},
      {"TZ", ":UTC"},
  };
  if (spec.runtime == Runtime::python3) variables["PYTHONPYCACHEPREFIX"] = bytecode_folder;
  for (const auto& [name, value] : spec.environment) variables[name] = value;
  if (spec.runtime == Runtime::python3) variables["AWS_EXECUTION_ENV"] = "AWS_Lambda_python3";
  if (spec.runtime == Runtime::nodejs) variables["AWS_EXECUTION_ENV"] = "AWS_Lambda_nodejs";
  variables["_HANDLER"] = spec.handler;
  variables["AWS_LAMBDA_FUNCTION_NAME"] = spec.name;
  variables["AWS_LAMBDA_FUNCTION_VERSION"] = "$LATEST";
  variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = std::to_string(spec.memory_mib);
  variables["AWS_LAMBDA_INITIALIZATION_TYPE"] = "on-demand";
  variables["AWS_LAMBDA_LOG_GROUP_NAME"] = "/aws/lambda/" + spec.name;
  variables["AWS_LAMBDA_LOG_STREAM_NAME"] = "[$LATEST]" + mark;
  variables["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:" + std::to_string(port);
  variables["LAMBDA_TASK_ROOT"] = spec.code;
  variables["LAMBDA_RUNTIME_DIR"] = runtime_folder;
  variables["PWD"] = spec.code;
  variables["TMPDIR"] = temporary_folder;
  variables[mark_name] = mark;

  std::vector<std::string> environment;
  for (const auto& [name, value] : variables) environment.push_back(name + "=" + value);
  return environment;
}

}  // namespace tailrace::function
