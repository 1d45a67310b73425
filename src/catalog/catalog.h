#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "capture/task.h"
#include "delivery/deliveries.h"
#include "function/functions.h"
#include "stream/stream_spec.h"

namespace tailrace::catalog {

// Who declared an object: what YAML declared, YAML may take away again.
enum class Origin { yaml, api };

template <typename Spec>
struct Entry {
  Spec spec;
  Origin origin = Origin::yaml;
  UnixMicros created, updated;
};

// What exists and how it is configured, in catalog.sqlite (WAL, synchronous FULL: a change that
// returned survives a power cut). Any thread may call; each call is one transaction.
class Catalog {
 public:
  // Fault::conflict when a newer version of the program wrote it, Fault::corrupt when it is
  // damaged: it is then left as it is.
  static Result<std::unique_ptr<Catalog>> open(const std::string& file, Clock& clock);
  virtual ~Catalog() = default;

  virtual Result<std::vector<Entry<stream::StreamSpec>>> streams() = 0;
  // Nothing when there is none.
  virtual Result<std::optional<Entry<stream::StreamSpec>>> stream(const std::string& name) = 0;
  virtual Result<std::vector<Entry<capture::TaskSpec>>> tasks() = 0;
  virtual Result<std::vector<Entry<function::FunctionSpec>>> functions() = 0;
  virtual Result<std::vector<Entry<delivery::TriggerSpec>>> triggers() = 0;

  // Add or replace by name. A trigger without a name is called "<stream>/<function>"; it gets a
  // random id unless it brings one or is known already: then it keeps that. Fault::not_found when
  // the stream or function that it names does not exist or is being deleted, Fault::conflict when
  // another trigger has its id.
  virtual Result<void> put(const stream::StreamSpec& spec, Origin origin) = 0;
  virtual Result<void> put(const capture::TaskSpec& spec, Origin origin) = 0;
  virtual Result<void> put(const function::FunctionSpec& spec, Origin origin) = 0;
  virtual Result<delivery::TriggerSpec> put(const delivery::TriggerSpec& spec, Origin origin) = 0;

  enum class Kind { stream, task, function, trigger };
  // Fault::not_found; Fault::conflict when something else still names it (a task its stream). Of a
  // stream a deletion is left: its name is free, its records are still to be deleted.
  virtual Result<void> remove(Kind kind, const std::string& name) = 0;
  // The specs of removed streams whose records may still be there.
  virtual Result<std::vector<stream::StreamSpec>> deletions() = 0;
  virtual Result<void> end_deletion(const stream::StreamSpec& spec) = 0;
  // What names it, for people: "task products", "trigger orders/audit".
  virtual Result<std::vector<std::string>> users(Kind kind, const std::string& name) = 0;

  // Small values that concern no object but the whole: one row each. Nothing when never set.
  virtual Result<std::optional<std::string>> setting(const std::string& key) = 0;
  virtual Result<void> set_setting(const std::string& key, const std::string& value) = 0;

  // What `work` does with the catalogue it is given is one transaction: all of it is committed, or
  // nothing when `work` returns an error.
  virtual Result<void> together(const std::function<Result<void>(Catalog&)>& work) = 0;
};

// What a declaration (the YAML file) wants to exist. A stream keeps the shards that it has; they
// are given as the count that it was created with, which resharding does not change.
struct Declaration {
  struct Stream {
    std::string name;
    std::uint32_t shards = 1;
    std::chrono::hours retention{24};
    std::uint64_t retention_bytes = 0;
    log::Sync sync = log::Sync::always;
    bool aws_limits = false;
  };
  std::vector<Stream> streams;
  std::vector<capture::TaskSpec> tasks;
  std::vector<function::FunctionSpec> functions;
  std::vector<delivery::TriggerSpec> triggers;
};

// Brings the catalogue in line: adds, changes, and removes tasks, functions and triggers that YAML
// declared earlier and no longer does. Streams are never removed by leaving them out: their records
// would go too. What it declares that was made through an API becomes YAML's. Returns what was
// done, a sentence each ("stream orders: created with 3 shards"); nothing when all was so already.
// One transaction. Fault::invalid when a declaration asks what cannot be: another shard count for
// an existing stream, a stream or function that is neither declared nor there. It names all of
// that.
Result<std::vector<std::string>> apply(Catalog& catalog, const Declaration& declaration,
                                       Clock& clock);

}  // namespace tailrace::catalog
