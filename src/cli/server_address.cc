#include "cli/server_address.h"

#include <cstdlib>

namespace tailrace::cli {
namespace {

constexpr const char* default_file = "tailrace.yaml";

Result<config::Endpoint> address_from(const std::string& text, const char* origin) {
  auto endpoint = config::parse_endpoint(text);
  if (!endpoint) return std::move(endpoint).error().during(origin);
  return endpoint;
}

}  // namespace

Result<config::Endpoint> server_address(
    const Settings& settings,
    const std::function<std::optional<std::string>(const std::string&)>& variable,
    const std::function<Result<config::Loaded>(const std::string&)>& load) {
  if (!settings.admin.empty()) return address_from(settings.admin, "--admin");
  auto from_environment = variable("TAILRACE_ADMIN");
  if (from_environment && !from_environment->empty())
    return address_from(*from_environment, "TAILRACE_ADMIN");

  const bool named = !settings.config.empty();
  auto loaded = load(named ? settings.config : default_file);
  if (!loaded) {
    if (named) return Error{Fault::invalid, loaded.error().message};
    return config::Config{}.admin;
  }
  return loaded->parsed.admin.value_or(config::Config{}.admin);
}

Result<config::Endpoint> server_address(const Settings& settings) {
  return server_address(
      settings,
      [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        if (!value) return std::nullopt;
        return value;
      },
      config::load);
}

}  // namespace tailrace::cli
