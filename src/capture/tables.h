#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/guarded.h"
#include "base/result.h"
#include "capture/progress.h"
#include "capture/task.h"
#include "envelope/envelope.h"
#include "pg/catalog_queries.h"
#include "pgoutput/assembler.h"
#include "rules/mappings.h"

namespace tailrace::capture {

// The columns that name a row of the table: those of its replica identity where that is a key (so
// that old rows always have them), else the primary key, numbered in the table's column order.
// The same for a load and for the stream, so that a row keeps its partition key.
Result<std::vector<std::string>> key_columns(pg::Connection& sql, const pg::TableInfo& table);

// A table as a load sees it, with its key.
Table table_of(const pg::TableInfo& info, const std::vector<std::string>& key);
// A table as a Relation message names it. `catalog_key` is used where the message cannot tell the
// key (REPLICA IDENTITY FULL flags every column, NOTHING none).
Table table_of(const pgoutput::Relation& relation, const std::vector<std::string>& catalog_key);

// Which tables a task captures, how far each is, and what is wrong with it: shared by the reader,
// the load's workers and whoever asks for the status. Any thread may call.
class TableBoard {
 public:
  void put(std::uint32_t oid, const std::string& schema, const std::string& name, TableState state,
           std::string error = {});
  void set_state(std::uint32_t oid, TableState state, std::string error = {});
  // Forgets all other tables.
  void keep_only(const std::set<std::uint32_t>& oids);
  void add_loaded_rows(std::uint32_t oid, std::uint64_t rows);
  void reset_loaded_rows(std::uint32_t oid);
  struct Counts {
    std::uint64_t inserts = 0, updates = 0, removes = 0, truncates = 0;
  };
  void add_changes(std::uint32_t oid, const Counts& counts);
  bool knows(std::uint32_t oid) const;
  std::vector<TableStatus> status() const;

 private:
  Guarded<std::map<std::uint32_t, TableStatus>> tables_;
};

}  // namespace tailrace::capture
