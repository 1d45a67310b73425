#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/file.h"
#include "base/guarded.h"
#include "base/result.h"
#include "capture/append.h"
#include "capture/aside.h"
#include "capture/change_writer.h"
#include "capture/drain.h"
#include "capture/loader.h"
#include "capture/source.h"
#include "capture/tables.h"
#include "capture/task.h"
#include "pg/connection.h"
#include "pg/replication_stream.h"
#include "pgoutput/assembler.h"
#include "rules/mappings.h"
#include "stream/stream.h"

namespace tailrace::capture {

// What a session tells the task while it runs. Any thread may read.
struct Vitals {
  Guarded<TaskStatus> status;  // spec and tables are filled in by the task
  TableBoard board;
  std::atomic<std::uint64_t> stream_durable{0};  // LSN: everything before it is in the stream
  std::atomic<int> waiters{0};                   // calls of wait_durable() under way
  std::mutex mutex;                              // for `changed`
  std::condition_variable changed;               // stream_durable or the state moved
};

// One life of a task's connections: from connecting to the first failure or the stop. What it
// learns it leaves in the stream's marks, so that the next session goes on where this one ended.
class Session {
 public:
  Session(const TaskSpec& spec, const rules::Mappings& mappings, stream::Stream& stream,
          Directory& folder, Clock& clock, Vitals& vitals);
  ~Session();

  // Blocks. Success: the task is finished (full-load) or was stopped. Reader thread.
  Result<void> run();
  // Any thread: makes run() end soon, with what was received and is whole made durable.
  void stop();
  // Whether changes or rows have begun to flow: then a failure is a new one, not the same again.
  bool flowed() const { return flowed_; }

 private:
  Result<std::unique_ptr<pg::Connection>> open_connection(pg::Connection::Kind kind,
                                                          const std::string& purpose = {});
  Result<void> connect();
  Result<void> look_at_source();
  Result<void> settle_publication(const Progress& progress);
  Result<void> forget_uncovered_loads();
  Result<pg::CreatedSlot> make_slot(pg::Connection& connection, const std::string& name,
                                    bool temporary, bool export_snapshot);
  Result<void> load_only();
  Result<Position> begin_position();
  Result<void> create_slot(Progress& progress);
  Result<void> append_marks(stream::Batch& batch);
  Result<void> import_snapshot(const std::string& snapshot);
  void drop_loader();
  Result<std::optional<Lsn>> snapshot_for_load();
  Result<void> prepare_load();
  Result<void> start_streaming();
  Result<void> stream_changes();
  Result<void> take_messages();
  Result<void> heed_notices();
  AppendHooks drain_hooks(std::function<Result<void>()> keep_alive);
  Result<void> acknowledge(bool now);
  Result<void> keep_alive();
  Result<void> hand_over();
  void run_load();
  Result<void> look_after_source();
  Result<void> look_for_uncovered_tables();
  void publish();
  static Error stopped();
  void set_state(TaskState state);
  void say_it_waits(std::optional<Error> why);

  const TaskSpec& spec_;
  const rules::Mappings& mappings_;
  stream::Stream& stream_;
  Directory& folder_;
  Clock& clock_;
  Vitals& vitals_;
  std::atomic<bool> stop_{false};
  bool flowed_ = false;

  std::unique_ptr<pg::Connection> sql_;
  std::unique_ptr<pg::Connection> replication_;
  Guarded<pg::Connection*> waiting_on_;  // a connection in a call that may take long
  Guarded<Loader*> stoppable_;           // the loader while it may be stopped
  Inspection inspection_;
  pg::System system_;
  envelope::Source source_;
  Position position_;         // where receiving goes on
  Position stream_position_;  // what the stream has; behind position_ while changes wait aside
  std::map<std::uint32_t, LoadMark> loads_;
  std::vector<pg::TableInfo> to_load_;
  std::string fresh_snapshot_;  // of a slot that was just created

  std::unique_ptr<pg::Connection> snapshot_connection_;  // with a temporary slot
  std::unique_ptr<Aside> aside_;
  std::unique_ptr<Loader> loader_;
  std::unique_ptr<ChangeWriter> writer_;
  std::unique_ptr<Directory> spill_;
  std::unique_ptr<pgoutput::Assembler> assembler_;
  std::unique_ptr<pg::ReplicationStream> wire_;

  // The load beside the stream: rows, then what waited aside until little is left of it.
  std::vector<LoadTable> load_tables_;
  Lsn load_snapshot_;
  std::unique_ptr<Drain> drain_;
  std::thread load_thread_;
  std::atomic<bool> load_ready_{false};
  Guarded<std::optional<Error>> load_failure_;

  Guarded<pg::ReplicationStream*> wakeable_;
  std::atomic<bool> wake_wanted_{false};
  Lsn server_lsn_;
  Lsn keepalive_;
  bool reply_due_ = false;
  std::chrono::steady_clock::time_point last_status_{}, last_advance_{}, last_look_{},
      last_publish_{};
  Lsn looked_at_;
};

}  // namespace tailrace::capture
