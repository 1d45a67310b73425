#include "cli/dev_plan.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/crc32c.h"
#include "config/slot_name.h"
#include "rules/mappings.h"

namespace tailrace::cli {
namespace {

namespace fs = std::filesystem;
using function::Runtime;

// "./app.py:lambda_handler" as a function: the file's folder is its code.
Result<function::FunctionSpec> function_from(const std::string& given) {
  std::size_t colon = given.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == given.size())
    return Error{
        Fault::invalid,
        "--function: expected FILE:HANDLER such as app.py:lambda_handler, found \"" + given + "\""};
  std::error_code failure;
  fs::path file = fs::absolute(given.substr(0, colon), failure);
  if (!fs::is_regular_file(file, failure))
    return Error{Fault::invalid, "--function: there is no file " + file.string()};
  function::FunctionSpec spec;
  spec.name = "dev";
  const std::string extension = file.extension().string();
  if (extension == ".py") {
    spec.runtime = Runtime::python3;
  } else if (extension == ".js" || extension == ".mjs" || extension == ".cjs") {
    spec.runtime = Runtime::nodejs;
  } else if (file.filename() == "bootstrap") {
    spec.runtime = Runtime::provided;
  } else {
    return Error{Fault::invalid,
                 "--function: " + file.string() +
                     " is none of *.py, *.js, *.mjs, *.cjs and an executable named bootstrap"};
  }
  spec.code = file.parent_path().lexically_normal().string();
  spec.handler = file.stem().string() + "." + given.substr(colon + 1);
  return spec;
}

Result<config::Endpoint> loopback(const std::string& option, const std::string& given) {
  auto endpoint = config::parse_endpoint(given);
  if (!endpoint) return std::move(endpoint).error().during(option);
  if (!is_loopback(*endpoint))
    return Error{
        Fault::invalid,
        option +
            ": only this machine may reach the ports for now; use 127.0.0.1, [::1] or localhost"};
  return endpoint;
}

}  // namespace

Result<config::Config> plan_dev(const DevRequest& request, const std::string& folder) {
  config::Config config;
  config.data = folder;
  auto admin = loopback("--listen-admin", request.admin);
  if (!admin) return std::move(admin).error();
  auto aws = loopback("--listen-aws", request.aws);
  if (!aws) return std::move(aws).error();
  if (!config::is_slot_name(request.slot))
    return Error{Fault::invalid,
                 "--slot: expected 1 to 63 of a-z, 0-9 and _, found \"" + request.slot + "\""};
  config.admin = *admin;
  config.aws = *aws;

  catalog::Declaration::Stream stream;
  stream.name = "dev";
  config.declaration.streams.push_back(stream);

  capture::TaskSpec task;
  task.name = "dev";
  task.source = request.uri;
  task.migration_type = capture::MigrationType::full_load_and_cdc;
  task.table_mappings = (request.tables.empty() ? rules::Mappings::everything()
                                                : rules::Mappings::only(request.tables))
                            .json();
  task.stream = "dev";
  task.slot = request.slot;
  task.publication = request.slot;
  config.declaration.tasks.push_back(std::move(task));

  if (request.function.empty()) return config;
  auto function = function_from(request.function);
  if (!function) return std::move(function).error();
  config.declaration.functions.push_back(*std::move(function));
  delivery::TriggerSpec trigger;
  trigger.name = "dev/dev";
  trigger.stream = "dev";
  trigger.function = "dev";
  config.declaration.triggers.push_back(std::move(trigger));
  return config;
}

std::string dev_folder(
    const DevRequest& request,
    const std::function<std::optional<std::string>(const std::string&)>& variable) {
  // The slot's position is in the folder's log: another source or slot is another folder.
  const std::string name = fmt::format("dev-{:08x}", crc32c(request.uri + "\n" + request.slot));
  fs::path state = variable("XDG_STATE_HOME").value_or("");
  if (!state.is_absolute()) {
    fs::path home = variable("HOME").value_or("");
    std::error_code failure;
    state = home.is_absolute() ? home / ".local" / "state" : fs::temp_directory_path(failure);
  }
  return (state / "tailrace" / name).string();
}

}  // namespace tailrace::cli
