#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/result.h"
#include "capture/progress.h"
#include "capture/tables.h"
#include "capture/task.h"
#include "envelope/envelope.h"
#include "pg/catalog_queries.h"
#include "pg/connection.h"
#include "stream/stream.h"

namespace tailrace::capture {

// A table to load: its columns are those that the stream will show, in the table's order.
struct LoadTable {
  pg::TableInfo info;
  std::vector<std::string> key;
  std::string row_filter;  // of the publication; empty: every row
};

// What the publication shows of each table: columns and rows, so that load and stream agree.
// Empty publication name: everything.
Result<std::vector<LoadTable>> load_tables(pg::Connection& sql, const std::string& publication,
                                           const std::vector<pg::TableInfo>& tables);

// Copies tables as of one snapshot into the stream, over several connections, large tables in
// ctid ranges side by side. When all rows of a table are in the stream, a control message follows
// them in every shard, in one atomic batch with the table's LoadMark.
//
// A snapshot dies with its connections, so what a kill interrupts is loaded again, with another
// snapshot LSN in its messages; tables with a LoadMark are not.
class Loader {
 public:
  // `waits`: as in AppendHooks, from any of the load's threads.
  Loader(const TaskSpec& spec, const envelope::Source& source, stream::Stream& stream,
         TableBoard& board, Clock& clock, std::function<void(std::optional<Error>)> waits);
  ~Loader();

  // Connects the workers and has each import the snapshot; from then on the exporting connection
  // may go on.
  Result<void> import_snapshot(const std::string& snapshot, const std::atomic<bool>& given_up);

  // Blocks until every table is loaded or has an error of its own on the board (the others go on).
  // An Error ends the whole load: a connection or the log failed, or stop() was called. Also, when
  // the others are loaded, if a table has to be loaded again with a new snapshot.
  Result<std::map<std::uint32_t, LoadMark>> load(const std::vector<LoadTable>& tables,
                                                 Lsn snapshot);

  // Any thread: makes load() return soon.
  void stop();

 private:
  struct Progress;
  struct Part {
    Progress* table;
    std::uint32_t first_block, last_block;
    bool whole;
  };

  void work(pg::Connection& connection, Guarded<std::vector<Part>>& parts, Lsn snapshot);
  Result<void> copy(pg::Connection& connection, const Part& part, Lsn snapshot);
  Result<bool> rewritten_since_snapshot(pg::Connection& connection, const Progress& table);
  Result<void> finish(Progress& table, Lsn snapshot);
  Result<void> append(stream::Batch& batch);
  void fail(Error error);

  const TaskSpec& spec_;
  const envelope::Source& source_;
  stream::Stream& stream_;
  TableBoard& board_;
  Clock& clock_;
  std::function<void(std::optional<Error>)> waits_;
  std::vector<std::unique_ptr<pg::Connection>> connections_;
  std::atomic<bool> stop_{false};
  Guarded<std::optional<Error>> failure_;
  Guarded<std::string> rewritten_;  // a table that was, if any
  Guarded<std::map<std::uint32_t, LoadMark>> loaded_;
};

}  // namespace tailrace::capture
