#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "capture/task.h"
#include "catalog/catalog.h"
#include "delivery/deliveries.h"
#include "function/functions.h"
#include "http/server.h"
#include "stream/stream.h"

namespace tailrace::admin {

// What the admin API can reach. The server folder implements it.
class Parts {
 public:
  virtual ~Parts() = default;
  virtual stream::Streams& streams() = 0;
  virtual function::Functions& functions() = 0;
  virtual delivery::Deliveries& deliveries() = 0;
  virtual std::vector<capture::TaskStatus> tasks() = 0;
  // Null when there is none of that name.
  virtual std::shared_ptr<capture::Task> find_task(const std::string& name) = 0;
  // Reads the configuration file again and applies it; what was done, a sentence each.
  virtual Result<std::vector<std::string>> reload() = 0;

  struct Check { std::string name; bool ok = true; std::string reason; };
  virtual std::vector<Check> readiness() = 0;
};

// Our own REST API (docs/admin-api.md), health and metrics. Blocking calls run on a small pool of
// its own, never on the I/O pool.
http::Handler make_handler(Parts& parts);

}  // namespace tailrace::admin
