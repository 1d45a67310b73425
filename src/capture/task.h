#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/result.h"
#include "envelope/envelope.h"
#include "record/position.h"
#include "stream/stream.h"

namespace tailrace::capture {

enum class MigrationType { full_load, cdc, full_load_and_cdc };
std::optional<MigrationType> parse_migration_type(std::string_view name);
std::string_view name_of(MigrationType type);

// What the catalogue keeps of a replication task.
struct TaskSpec {
  std::string name;    // 1-40 of [a-z0-9_-]
  std::string source;  // the URI, without interpolation of its own
  MigrationType migration_type = MigrationType::full_load_and_cdc;
  std::string table_mappings;  // the JSON document
  std::string stream;
  envelope::Format message_format = envelope::Format::dms;
  envelope::PartitionBy partition_by = envelope::PartitionBy::primary_key;
  std::string slot;                // default "tailrace_<name>" with - as _
  std::string publication;         // default the same
  std::uint32_t load_workers = 2;  // parallel connections of a first load, 1 to 16
  bool operator==(const TaskSpec&) const = default;
};

enum class TaskState { stopped, starting, loading, running, retrying, failed, finished };
std::string_view name_of(TaskState state);
enum class TableState { before_load, loading, loaded, streaming, error };
std::string_view name_of(TableState state);

struct TableStatus {
  std::string schema, name;
  TableState state = TableState::before_load;
  std::uint64_t loaded_rows = 0, inserts = 0, updates = 0, deletes = 0, truncates = 0;
  std::string error;  // what is wrong with this table and the way out
};

struct TaskStatus {
  TaskSpec spec;
  TaskState state = TaskState::stopped;
  std::optional<Error> error;         // while failed, retrying or waiting: names the way out
  std::vector<std::string> warnings;  // preflight findings that do not stop it
  Lsn durable;                        // everything before it is in the stream's log
  Lsn server;                         // where the server's WAL ends, as last heard
  std::uint64_t retained_bytes = 0;   // WAL that the slot holds on the source, as last asked
  double lag_seconds = 0;             // age of the newest durable commit while behind, else 0
  std::uint64_t transactions = 0, changes = 0, bytes = 0, reconnects = 0;
  std::uint64_t kept_aside_bytes = 0;  // changes that wait for the load to end
  std::vector<TableStatus> tables;
};

// Finding of a preflight check.
struct Finding {
  enum class Level { ok, warning, error } level = Level::ok;
  std::string what;  // "wal_level is replica"
  std::string cure;  // the SQL or setting that mends it; empty when ok
};

// Checks source, rights, settings and tables for a task, changing nothing.
Result<std::vector<Finding>> preflight(const TaskSpec& spec);

// One task: a reader thread, and load threads while it loads. Any thread may call.
class Task {
 public:
  // `folder`: the task's own folder, for what is kept aside and spilled.
  static std::unique_ptr<Task> make(TaskSpec spec, std::shared_ptr<stream::Stream> stream,
                                    std::unique_ptr<Directory> folder, Clock& clock);
  // Stops, with what was received and is whole made durable and acknowledged.
  virtual ~Task() = default;

  virtual void start() = 0;  // also after stopped, failed or finished: resumes from the log
  virtual void stop() = 0;   // waits until it has stopped
  virtual TaskStatus status() const = 0;

  // Everything that committed before `lsn` is durable in the stream. Fault::timeout;
  // Fault::conflict when the task has stopped or failed.
  virtual Result<void> wait_durable(Lsn lsn, std::chrono::milliseconds patience) = 0;
  // Stops, drops the slot and forgets all progress: the next start() makes a new slot and loads the
  // tables again. The way out of every gap.
  virtual Result<void> reload() = 0;
};

}  // namespace tailrace::capture
