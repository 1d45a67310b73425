#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "capture/task.h"
#include "catalog/catalog.h"
#include "delivery/deliveries.h"
#include "function/functions.h"
#include "http/server.h"
#include "stream/streams.h"

namespace boost::asio {
class io_context;
}

namespace tailrace::admin {

// What the admin API can reach. The server folder implements it. Any thread calls.
class Parts {
 public:
  virtual ~Parts() = default;

  struct About {
    std::string version;
    UnixMicros started;
    std::string data;        // the data folder
    std::string aws, admin;  // "host:port" of the doors; empty: not open
  };
  virtual About about() = 0;

  virtual stream::Streams& streams() = 0;
  virtual function::Functions& functions() = 0;
  virtual delivery::Deliveries& deliveries() = 0;
  virtual std::vector<capture::TaskStatus> tasks() = 0;
  // Null when there is none of that name.
  virtual std::shared_ptr<capture::Task> find_task(const std::string& name) = 0;
  // Reads the configuration file again and applies it; what was done, a sentence each.
  virtual Result<std::vector<std::string>> reload() = 0;

  // What the catalogue has and could not be brought to run, or only in the form it had before. The
  // others run without it; these are shown with their error. (A task that could not be made is
  // among tasks(), failed.)
  template <typename Spec>
  struct Broken {
    Spec spec;
    Error error;
  };
  virtual std::vector<Broken<stream::StreamSpec>> broken_streams() = 0;
  virtual std::vector<Broken<function::FunctionSpec>> broken_functions() = 0;
  virtual std::vector<Broken<delivery::TriggerSpec>> broken_triggers() = 0;

  struct Check {
    std::string name;
    bool ok = true;
    std::string reason;
  };
  virtual std::vector<Check> readiness() = 0;
};

// Our own REST API (docs/admin-api.md), health and metrics.
class Api {
 public:
  static std::unique_ptr<Api> make(boost::asio::io_context& io, Parts& parts);
  // Ends every live answer and waits for the blocking calls under way; after it nothing touches
  // the parts. The I/O pool must still run. Stop the tasks first, so that nobody waits for them.
  virtual ~Api() = default;

  // Never blocks for long: what blocks (stopping a task, waiting for it) runs on a small pool of
  // its own. May be called after the Api is gone: it answers 503 then.
  virtual http::Handler handler() = 0;
};

}  // namespace tailrace::admin
