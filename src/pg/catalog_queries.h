#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "pg/connection.h"
#include "record/change.h"
#include "record/lsn.h"

namespace tailrace::pg {

// The kind of a built-in type by its oid; none for a user-defined one.
std::optional<ValueKind> kind_of_builtin(std::uint32_t type_oid);
// The same by name in pg_catalog ("int4"), as a domain's Type message names its base type.
std::optional<ValueKind> kind_of_builtin_name(std::string_view name);
// "integer" for 23; empty for a user-defined type.
std::string_view builtin_type_name(std::uint32_t type_oid);

// Any type, as the catalogue has it now. A domain has the kind of its base.
struct TypeInfo {
  std::uint32_t oid = 0;
  ValueKind kind = ValueKind::text;
  std::string name;  // as format_type() prints it without a modifier
};
// One round trip. A type that has been dropped is left out.
Result<std::vector<TypeInfo>> find_types(Connection& sql, const std::vector<std::uint32_t>& oids);

struct System {
  std::uint64_t system_id = 0;
  std::uint32_t timeline = 0;
  Lsn current;
  std::string database;
};
Result<System> identify_system(Connection& replication);
// Whether the server is a standby that nobody has promoted.
Result<bool> is_standby(Connection& connection);
// Where the history of `timeline` left each earlier timeline: pairs of (timeline, its last LSN).
Result<std::vector<std::pair<std::uint32_t, Lsn>>> timeline_history(Connection& replication,
                                                                    std::uint32_t timeline);

struct Slot {
  std::string name, plugin, database;
  bool active = false;
  std::optional<int> active_pid;
  std::optional<Lsn> confirmed_flush;  // none while the slot is still being created
  std::optional<Lsn> restart;
  std::string wal_status;           // reserved, extended, unreserved, lost
  std::string invalidation_reason;  // 17+, else empty
  bool synced = false;  // 17+: a standby's copy of the primary's slot, usable once it is promoted
};
Result<std::optional<Slot>> find_slot(Connection& sql, const std::string& name);

struct CreatedSlot {
  Lsn consistent_point;
  std::string snapshot;
};
// Logical slot for pgoutput. Waits for every transaction that runs now. Temporary slots end with
// their connection; the others are failover slots where the server knows them (17+), so that a
// standby with sync_replication_slots has them too. The snapshot lives until the connection's next
// command.
Result<CreatedSlot> create_slot(Connection& replication, const std::string& name, bool temporary,
                                bool export_snapshot);
Result<void> drop_slot(Connection& sql, const std::string& name);

// A table as the catalogue has it now.
struct TableInfo {
  std::uint32_t oid = 0;
  std::string schema, name;
  char kind = 'r';              // r table, p partitioned
  char replica_identity = 'd';  // d, n, f, i
  char persistence = 'p';       // p, u, t
  bool has_primary_key = false;
  bool is_partition = false;
  std::optional<std::uint32_t> partition_root;  // the topmost parent
  std::uint64_t bytes = 0;                      // pg_relation_size of the main fork
  std::vector<Column>
      columns;  // live columns, in attnum order, with key positions; no virtual generated ones
  std::vector<std::string> generated_columns;  // stored ones: pgoutput leaves them out before 18
  std::vector<std::string> toastable_columns;  // may arrive as unchanged
  // Whether UPDATE and DELETE fail on the source once the table is published for them.
  bool lacks_identity() const {
    return replica_identity == 'n' || (replica_identity == 'd' && !has_primary_key);
  }
};
// All ordinary and partitioned tables outside pg_catalog, information_schema and pg_toast.
Result<std::vector<TableInfo>> list_tables(Connection& sql);
Result<std::optional<TableInfo>> find_table(Connection& sql, std::uint32_t oid);

struct Publication {
  std::string name;
  bool all_tables = false, inserts = true, updates = true, deletes = true, truncates = true,
       via_root = false;
  std::vector<std::pair<std::string, std::string>>
      tables;  // schema, name, as pg_publication_tables lists them
};
Result<std::optional<Publication>> find_publication(Connection& sql, const std::string& name);

// Of these tables (by oid) the names of those that exist and that the publication does not publish.
Result<std::vector<std::string>> tables_outside(Connection& sql, const std::string& publication,
                                                const std::vector<std::uint32_t>& tables);

// Splits a table into about `parts` ctid ranges of "[first, last)" block numbers, the last one open
// ended (UINT32_MAX). One range before PostgreSQL 14, which scans the table whole for each.
std::vector<std::pair<std::uint32_t, std::uint32_t>> ctid_ranges(const TableInfo& table,
                                                                 int server_version,
                                                                 std::size_t parts);

// Who holds up a slot's creation: "pid 4711 (app) idle in transaction for 12 s: UPDATE ...".
Result<std::vector<std::string>> old_transactions(Connection& sql);

}  // namespace tailrace::pg
