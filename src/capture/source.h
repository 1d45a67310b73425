#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "capture/task.h"
#include "pg/catalog_queries.h"
#include "pg/connection.h"
#include "rules/mappings.h"

namespace tailrace::capture {

// A table that the task wants, and what stands against it.
struct WantedTable {
  pg::TableInfo info;
  std::string error;  // empty: it is captured
};

// What the mappings select of what the database has. Partitions whose topmost parent is selected
// too are left to it, since the publication publishes through the root.
std::vector<WantedTable> wanted_tables(const rules::Mappings& mappings,
                                       const std::vector<pg::TableInfo>& tables);

// Everything that can be known of the source before anything is made there.
struct Inspection {
  std::vector<Finding> findings;
  std::vector<WantedTable> wanted;
  std::optional<pg::Publication> publication;
  std::optional<pg::Slot> slot;
  // The first finding that makes the task impossible, as an Error.
  std::optional<Error> obstacle;
};
Result<Inspection> inspect(const TaskSpec& spec, const rules::Mappings& mappings,
                           pg::Connection& sql);

// The SQL that makes the publication for the tables that have no error.
std::string publication_sql(const TaskSpec& spec, const std::vector<WantedTable>& wanted,
                            int server_version);

// Whether the publication shows the table's changes under the table's own name.
bool covers(const pg::Publication& publication, const pg::TableInfo& table);

// Creates the publication, or adds tables to one of ours. A table that an existing publication does
// not cover and that may not be added gets its error set.
Result<void> ensure_publication(const TaskSpec& spec, pg::Connection& sql, Inspection& inspection);

}  // namespace tailrace::capture
