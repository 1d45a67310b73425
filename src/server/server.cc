#include "server/server.h"

#include <malloc.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <sstream>
#include <string>
#include <utility>

#include "admin/admin.h"
#include "http/server.h"
#include "server/aws_door.h"
#include "server/data_folder.h"
#include "server/declared.h"
#include "server/io_pool.h"
#include "server/listen_on.h"
#include "server/running_parts.h"
#include "server/signals.h"
#include "server/stop_deadline.h"

namespace tailrace::server {
namespace {

// Many connections and segments, few threads that allocate much.
void prepare_process() {
  ::mallopt(M_ARENA_MAX, 2);
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &files) != 0)
    spdlog::warn("the limit of open files stays as it is: it cannot be raised");
}

void report_failed_reload(const Error& error) {
  std::istringstream problems(error.message);
  for (std::string problem; std::getline(problems, problem);) spdlog::error("{}", problem);
  spdlog::error("nothing was reloaded: what ran before runs on");
}

Result<void> serve(const Options& options, Signals& signals, StopDeadline& deadline) {
  SystemClock clock;
  auto folder = DataFolder::take(options.config.data);
  if (!folder) return std::move(folder).error();
  Directory& data = (*folder)->directory();

  auto catalog = catalog::Catalog::open(data.path() + "/catalog.sqlite", clock);
  if (!catalog) return std::move(catalog).error().during("open the catalogue");
  Declared declared{options.config, options.config_file, **catalog, clock};
  if (auto applied = declared.apply(); !applied) return std::move(applied).error();

  IoPool io;
  auto made =
      RunningParts::make(io.context(), data, **catalog, declared, options.config.account, clock);
  if (!made) return std::move(made).error();
  RunningParts& parts = **made;
  auto api = admin::Api::make(io.context(), parts);
  // Before anything touches a source: when the port is taken, that must be all that happens.
  auto http = http::Server::listen(io.context(), listen_on(options.config.admin), api->handler());
  if (!http) return std::move(http).error().during("listen for the admin API");
  auto aws = AwsDoor::make(io.context(), options.config, parts.streams(), parts.stream_operations(),
                           clock);
  if (!aws) return std::move(aws).error();
  parts.doors_opened(to_string(config::Endpoint{options.config.admin.host, (*http)->port()}),
                     to_string(config::Endpoint{options.config.aws.host, (*aws)->port()}));

  if (auto followed = parts.follow_catalog(); !followed) return followed;
  (*aws)->open();
  admin::Parts::About about = parts.about();
  spdlog::info("tailrace {} is ready, process {}, admin {}, aws {}, data {}", about.version,
               ::getpid(), about.admin, about.aws, about.data);
  if (options.ready) options.ready();

  while (signals.wait() == Signals::Asked::reload)
    if (auto reloaded = parts.reload(); !reloaded) report_failed_reload(reloaded.error());

  spdlog::info("stopping, for at most {} s", options.stop_patience.count());
  deadline.begin(options.stop_patience, signals.exit_code_when_forced());
  (*aws)->drain();
  parts.stop_tasks();  // what was received becomes durable and is acknowledged
  (*aws)->wait_until_drained();
  return {};
}  // Destroyed in reverse: connections, then deliveries and workers; the logs close last. A tail is
   // cut off without its last chunk, which tells the peer that it did not end by itself.

}  // namespace

Result<void> run(Options options) {
  Signals signals;
  prepare_process();
  StopDeadline deadline;  // outlives all that it watches
  auto served = serve(options, signals, deadline);
  if (served) spdlog::info("stopped");
  return served;
}

}  // namespace tailrace::server
