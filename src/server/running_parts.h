#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "admin/admin.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/guarded.h"
#include "base/result.h"
#include "catalog/catalog.h"
#include "catalog/stream_operations.h"
#include "record/account.h"
#include "server/declared.h"
#include "server/function_invoker.h"
#include "server/retention.h"

namespace boost::asio {
class io_context;
}

namespace tailrace::server {

// The parts that run, kept in line with the catalogue. One that cannot run does not stop the
// others: it is kept with its error and tried again at the next reload. Any thread may call.
class RunningParts final : public admin::Parts {
 public:
  // What it is given must outlive it. Nothing runs yet.
  static Result<std::unique_ptr<RunningParts>> make(boost::asio::io_context& io, Directory& data,
                                                    catalog::Catalog& catalog, Declared& declared,
                                                    const Account& account, Clock& clock);
  // Stops the tasks, the cursors, the workers and then the logs.
  ~RunningParts() override;

  // Starts what is new in the catalogue, changes what has changed, stops what is gone. Fails only
  // when the catalogue itself cannot be read.
  Result<void> follow_catalog();
  // Waits until all have stopped, each with what it received made durable and acknowledged.
  void stop_tasks();
  // "host:port" of each.
  void doors_opened(std::string admin, std::string aws);

  About about() override;
  stream::Streams& streams() override { return streams_; }
  catalog::StreamOperations& stream_operations() { return stream_operations_; }
  function::Functions& functions() override { return *functions_; }
  delivery::Deliveries& deliveries() override { return *deliveries_; }
  std::vector<capture::TaskStatus> tasks() override;
  std::shared_ptr<capture::Task> find_task(const std::string& name) override;
  Result<std::vector<std::string>> reload() override;
  std::vector<Broken<stream::StreamSpec>> broken_streams() override;
  std::vector<Broken<function::FunctionSpec>> broken_functions() override;
  std::vector<Broken<delivery::TriggerSpec>> broken_triggers() override;
  std::vector<Check> readiness() override;

 private:
  RunningParts(boost::asio::io_context& io, Directory& data, catalog::Catalog& catalog,
               Declared& declared, const Account& account, Clock& clock);

  struct RunningTask {
    capture::TaskSpec spec;
    // Shared since a request may wait for a task that is being replaced.
    std::shared_ptr<capture::Task> task;
  };
  using Tasks = std::map<std::string, RunningTask>;
  struct AllBroken {
    std::vector<Broken<stream::StreamSpec>> streams;
    std::vector<Broken<capture::TaskSpec>> tasks;
    std::vector<Broken<function::FunctionSpec>> functions;
    std::vector<Broken<delivery::TriggerSpec>> triggers;
  };

  Result<void> follow_streams();
  Result<void> follow_functions();
  Result<void> follow_triggers();
  Result<void> follow_tasks();
  Result<void> start_task(const capture::TaskSpec& spec);
  std::optional<Error> why_no_function(const std::string& name);

  boost::asio::io_context& io_;
  Directory& data_;
  catalog::Catalog& catalog_;
  Declared& declared_;
  Clock& clock_;
  const UnixMicros started_;

  std::mutex following_;  // one start or reload at a time
  Guarded<AllBroken> broken_;
  Guarded<About> about_;
  Guarded<bool> followed_{false};

  // In the order they need each other; destroyed in reverse.
  stream::Streams streams_;
  catalog::StreamOperations stream_operations_;
  Retention retention_{streams_, stream_operations_};
  std::unique_ptr<function::Functions> functions_;
  std::unique_ptr<FunctionInvoker> invoker_;
  std::unique_ptr<delivery::Deliveries> deliveries_;
  Guarded<Tasks> tasks_;
};

}  // namespace tailrace::server
