#include "cli/serve.h"

#include "base/json_text.h"
#include "server/server.h"

namespace tailrace::cli {

Outcome serve(Session& session, config::Config config, std::string config_file,
              std::function<void()> ready) {
  const std::string admin = to_string(config.admin);
  server::Options options;
  options.config = std::move(config);
  options.config_file = std::move(config_file);
  options.ready = [&] {
    if (session.settings.json)
      session.console.print("{\"event\":\"ready\",\"admin\":" + json_string(admin) + "}\n");
    ready();
  };
  auto ended = server::run(std::move(options));
  if (ended) return Outcome::live();
  // A data folder or a port that cannot be had is the environment's fault.
  Error error = std::move(ended).error();
  int code = error.fault == Fault::conflict ? exit_environment : exit_code_of(error.fault);
  return Outcome::failed(code, std::move(error));
}

}  // namespace tailrace::cli
