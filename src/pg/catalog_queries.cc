#include "pg/catalog_queries.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "base/whole_number.h"

namespace tailrace::pg {
namespace {

constexpr int version_14 = 140000, version_15 = 150000, version_17 = 170000;

// An answer whose columns are read by name.
class Answer {
 public:
  Answer(Rows rows, std::string doing) : rows_(std::move(rows)), doing_(std::move(doing)) {}

  std::size_t size() const { return rows_.rows.size(); }
  const std::optional<std::string>& value(std::size_t row, std::string_view name) const {
    auto found = std::find(rows_.names.begin(), rows_.names.end(), name);
    TAILRACE_CHECK(found != rows_.names.end());
    return rows_.rows.at(row).at(static_cast<std::size_t>(found - rows_.names.begin()));
  }
  std::string text(std::size_t row, std::string_view name) const {
    return value(row, name).value_or("");
  }
  char letter(std::size_t row, std::string_view name) const {
    std::string all = text(row, name);
    return all.empty() ? '\0' : all[0];
  }
  bool truth(std::size_t row, std::string_view name) const { return text(row, name) == "t"; }
  // 0 when none stands there: look at wrong_number() before what was read is used.
  template <typename Number>
  Number number(std::size_t row, std::string_view name) {
    std::string digits = text(row, name);
    auto number = parse_whole<Number>(digits);
    if (!number && !wrong_number_)
      wrong_number_ =
          Error{Fault::corrupt, doing_ + ": the server's " + std::string(name) + " is '" + digits +
                                    "', which is no number or too large"};
    return number.value_or(0);
  }
  // The first one.
  const std::optional<Error>& wrong_number() const { return wrong_number_; }
  std::optional<Lsn> lsn(std::size_t row, std::string_view name) const {
    return parse_lsn(text(row, name));
  }

 private:
  Rows rows_;
  std::string doing_;
  std::optional<Error> wrong_number_;
};

Result<Answer> ask(Connection& connection, const std::string& doing, const std::string& sql,
                   const std::vector<std::string>& parameters = {}) {
  auto rows = connection.query(sql, parameters);
  if (!rows) return std::move(rows).error().during(doing);
  return Answer(std::move(*rows), doing);
}

// Domains by the type that they end at, perhaps over other domains.
const std::string with_domains = R"(
    WITH RECURSIVE base (oid, type) AS (
        SELECT t.oid, t.typbasetype FROM pg_catalog.pg_type t WHERE t.typtype = 'd'
      UNION ALL
        SELECT b.oid, t.typbasetype FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.type WHERE t.typtype = 'd'),
    domain (oid, type) AS (
        SELECT b.oid, b.type FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.type WHERE t.typtype <> 'd'))";

// For a base type t. The names of true arrays are those that their elements know them by;
// int2vector, for one, is none. Elements apart by another sign than a comma are text to us.
const std::string is_array = R"((SELECT e.typarray = t.oid AND e.typdelim = ','
        FROM pg_catalog.pg_type e WHERE e.oid = t.typelem))";

ValueKind kind_of(std::uint32_t base_type, bool array) {
  if (auto builtin = kind_of_builtin(base_type)) return *builtin;
  return array ? ValueKind::array : ValueKind::text;
}

// $1: a table's oid, or 0 for all tables of users. Names that begin with pg_ are the system's.
const std::string which_tables = R"(
    c.relkind IN ('r', 'p')
    AND CASE WHEN $1::pg_catalog.oid <> 0 THEN c.oid = $1::pg_catalog.oid
             ELSE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' END)";

// Asking for a table's size waits while the table is locked, by a VACUUM FULL for one. One such
// table must not keep us from all others: the size of its last ANALYZE is good enough then. One
// that was dropped a moment ago has no size.
const std::string tables_sql = R"(
    SELECT c.oid, n.nspname, c.relname, c.relkind, c.relreplident, c.relpersistence, c.relispartition,
           EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS has_key,
           CASE WHEN c.relispartition THEN pg_catalog.pg_partition_root(c.oid)::pg_catalog.oid END AS root,
           CASE WHEN c.relkind <> 'r' THEN 0
                WHEN c.oid IN (SELECT l.relation FROM pg_catalog.pg_locks l
                                WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock') THEN 8192 * c.relpages::int8
                ELSE COALESCE(pg_catalog.pg_relation_size(c.oid), 0) END AS bytes
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE )" + which_tables + " ORDER BY n.nspname, c.relname";

// The key that names a row is the primary key, else the index of REPLICA IDENTITY USING INDEX.
// indkey counts from 0, and holds INCLUDE columns behind the key's. A virtual generated column
// ('v', 18+) is not stored and never captured.
const std::string columns_sql = with_domains + R"(
    SELECT a.attrelid, a.attname, t.oid AS type, )" +
                                is_array + R"( AS is_array, a.attgenerated,
           pg_catalog.format_type(a.atttypid, NULL) AS type_name,
           a.attlen = -1 AND a.attstorage IN ('x', 'e', 'm') AS toastable,
           pg_catalog.array_position(k.indkey::pg_catalog.int2[], a.attnum) AS key_index, k.indnkeyatts
      FROM pg_catalog.pg_attribute a
      JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN domain d ON d.oid = a.atttypid
      JOIN pg_catalog.pg_type t ON t.oid = COALESCE(d.type, a.atttypid)
      LEFT JOIN LATERAL (
        SELECT i.indkey, i.indnkeyatts FROM pg_catalog.pg_index i
         WHERE i.indrelid = a.attrelid AND (i.indisprimary OR i.indisreplident AND c.relreplident = 'i')
         ORDER BY i.indisprimary DESC LIMIT 1) k ON true
     WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v' AND )" +
                                which_tables + " ORDER BY a.attrelid, a.attnum";

std::string array_of(const std::vector<std::uint32_t>& oids) {
  std::string list = "{";
  for (auto oid : oids) list += (list.size() > 1 ? "," : "") + std::to_string(oid);
  return list + "}";
}

Result<std::vector<TableInfo>> read_tables(Connection& sql, std::uint32_t oid) {
  const std::vector<std::string> which{std::to_string(oid)};
  auto found = ask(sql, "list tables", tables_sql, which);
  if (!found) return std::move(found).error();
  auto columns = ask(sql, "list columns", columns_sql, which);
  if (!columns) return std::move(columns).error();

  std::vector<TableInfo> tables(found->size());
  std::unordered_map<std::uint32_t, TableInfo*> by_oid;
  for (std::size_t i = 0; i < tables.size(); ++i) {
    TableInfo& table = tables[i];
    table.oid = found->number<std::uint32_t>(i, "oid");
    table.schema = found->text(i, "nspname");
    table.name = found->text(i, "relname");
    table.kind = found->letter(i, "relkind");
    table.replica_identity = found->letter(i, "relreplident");
    table.persistence = found->letter(i, "relpersistence");
    table.has_primary_key = found->truth(i, "has_key");
    table.is_partition = found->truth(i, "relispartition");
    if (found->value(i, "root")) table.partition_root = found->number<std::uint32_t>(i, "root");
    table.bytes = found->number<std::uint64_t>(i, "bytes");
    by_oid[table.oid] = &table;
  }
  for (std::size_t i = 0; i < columns->size(); ++i) {
    auto table = by_oid.find(columns->number<std::uint32_t>(i, "attrelid"));
    // Created between the two queries.
    if (table == by_oid.end()) continue;
    Column column;
    column.name = columns->text(i, "attname");
    column.kind = kind_of(columns->number<std::uint32_t>(i, "type"), columns->truth(i, "is_array"));
    column.type_name = columns->text(i, "type_name");
    if (columns->value(i, "key_index")) {
      int index = columns->number<int>(i, "key_index");
      if (index < columns->number<int>(i, "indnkeyatts")) column.key_position = index + 1;
    }
    if (columns->letter(i, "attgenerated") == 's')
      table->second->generated_columns.push_back(column.name);
    if (columns->truth(i, "toastable")) table->second->toastable_columns.push_back(column.name);
    table->second->columns.push_back(std::move(column));
  }
  for (const Answer* answer : {&*found, &*columns})
    if (answer->wrong_number()) return *answer->wrong_number();
  return tables;
}

}  // namespace

Result<std::vector<TypeInfo>> find_types(Connection& sql, const std::vector<std::uint32_t>& oids) {
  auto found = ask(sql, "find types",
                   with_domains + R"(
    SELECT own.oid, pg_catalog.format_type(own.oid, NULL) AS name, t.oid AS type, )" +
                       is_array + R"( AS is_array
      FROM pg_catalog.pg_type own
      LEFT JOIN domain d ON d.oid = own.oid
      JOIN pg_catalog.pg_type t ON t.oid = COALESCE(d.type, own.oid)
     WHERE own.oid = ANY ($1::pg_catalog.oid[]))",
                   {array_of(oids)});
  if (!found) return std::move(found).error();
  std::vector<TypeInfo> types;
  for (std::size_t i = 0; i < found->size(); ++i)
    types.push_back({found->number<std::uint32_t>(i, "oid"),
                     kind_of(found->number<std::uint32_t>(i, "type"), found->truth(i, "is_array")),
                     found->text(i, "name")});
  if (found->wrong_number()) return *found->wrong_number();
  return types;
}

Result<System> identify_system(Connection& replication) {
  auto found = ask(replication, "identify the system", "IDENTIFY_SYSTEM");
  if (!found) return std::move(found).error();
  auto current = found->lsn(0, "xlogpos");
  if (!current) return Error{Fault::corrupt, "IDENTIFY_SYSTEM gave no WAL position"};
  System system{found->number<std::uint64_t>(0, "systemid"),
                found->number<std::uint32_t>(0, "timeline"), *current, found->text(0, "dbname")};
  if (found->wrong_number()) return *found->wrong_number();
  return system;
}

Result<bool> is_standby(Connection& connection) {
  auto found = ask(connection, "ask whether the server is a standby",
                   "SELECT pg_catalog.pg_is_in_recovery() AS standby");
  if (!found) return std::move(found).error();
  return found->truth(0, "standby");
}

Result<std::vector<std::pair<std::uint32_t, Lsn>>> timeline_history(Connection& replication,
                                                                    std::uint32_t timeline) {
  std::vector<std::pair<std::uint32_t, Lsn>> history;
  // The first has no history file.
  if (timeline <= 1) return history;
  auto found = ask(replication, "read the history of timeline " + std::to_string(timeline),
                   "TIMELINE_HISTORY " + std::to_string(timeline));
  if (!found) return std::move(found).error();
  // Each line: timeline, tab, where it was left, tab, why. Lines with # are comments.
  std::string content = found->text(0, "content");
  for (std::size_t at = 0; at < content.size();) {
    auto end = std::min(content.find('\n', at), content.size());
    std::string line = content.substr(at, end - at);
    at = end + 1;
    auto tab = line.find('\t');
    if (line.empty() || line[0] == '#' || tab == std::string::npos) continue;
    auto left = parse_whole<std::uint32_t>(line.substr(0, tab));
    auto lsn = parse_lsn(line.substr(tab + 1, line.find('\t', tab + 1) - tab - 1));
    if (!left || !lsn) return Error{Fault::corrupt, "timeline history line: " + line};
    history.emplace_back(*left, *lsn);
  }
  return history;
}

Result<std::optional<Slot>> find_slot(Connection& sql, const std::string& name) {
  std::string newer = sql.server_version() >= version_17 ? "invalidation_reason AS reason, synced"
                                                         : "NULL AS reason, false AS synced";
  auto found = ask(
      sql, "find slot " + name,
      "SELECT slot_name, plugin, database, active, active_pid, confirmed_flush_lsn, restart_lsn, "
      "wal_status, " +
          newer + " FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
      {name});
  if (!found) return std::move(found).error();
  if (found->size() == 0) return std::optional<Slot>();
  Slot slot;
  slot.name = found->text(0, "slot_name");
  slot.plugin = found->text(0, "plugin");
  slot.database = found->text(0, "database");
  slot.active = found->truth(0, "active");
  if (found->value(0, "active_pid")) slot.active_pid = found->number<int>(0, "active_pid");
  slot.confirmed_flush = found->lsn(0, "confirmed_flush_lsn");
  slot.restart = found->lsn(0, "restart_lsn");
  slot.wal_status = found->text(0, "wal_status");
  slot.invalidation_reason = found->text(0, "reason");
  slot.synced = found->truth(0, "synced");
  if (found->wrong_number()) return *found->wrong_number();
  return std::optional<Slot>(std::move(slot));
}

Result<CreatedSlot> create_slot(Connection& replication, const std::string& name, bool temporary,
                                bool export_snapshot) {
  std::string failover;
  if (!temporary && replication.server_version() >= version_17) {
    // A slot that is made on a standby cannot be one.
    auto standby = is_standby(replication);
    if (!standby) return std::move(standby).error();
    if (!*standby) failover = ", FAILOVER";
  }
  std::string command = "CREATE_REPLICATION_SLOT " + quote_identifier(name) +
                        (temporary ? " TEMPORARY" : "") + " LOGICAL pgoutput ";
  if (replication.server_version() >= version_15)
    command += (export_snapshot ? "(SNAPSHOT 'export'" : "(SNAPSHOT 'nothing'") + failover + ")";
  else
    command += export_snapshot ? "EXPORT_SNAPSHOT" : "NOEXPORT_SNAPSHOT";
  auto created = ask(replication, "create slot " + name, command);
  if (!created) return std::move(created).error();
  auto point = created->lsn(0, "consistent_point");
  if (!point)
    return Error{Fault::corrupt, "slot " + name + " was created without a consistent point"};
  return CreatedSlot{*point, created->text(0, "snapshot_name")};
}

Result<void> drop_slot(Connection& sql, const std::string& name) {
  auto dropped =
      ask(sql, "drop slot " + name, "SELECT pg_catalog.pg_drop_replication_slot($1)", {name});
  if (!dropped) return std::move(dropped).error();
  return {};
}

Result<std::vector<TableInfo>> list_tables(Connection& sql) { return read_tables(sql, 0); }

Result<std::optional<TableInfo>> find_table(Connection& sql, std::uint32_t oid) {
  auto tables = read_tables(sql, oid);
  if (!tables) return std::move(tables).error();
  if (tables->empty()) return std::optional<TableInfo>();
  return std::optional<TableInfo>(std::move(tables->front()));
}

Result<std::optional<Publication>> find_publication(Connection& sql, const std::string& name) {
  auto found = ask(sql, "find publication " + name,
                   "SELECT puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot "
                   "FROM pg_catalog.pg_publication WHERE pubname = $1",
                   {name});
  if (!found) return std::move(found).error();
  if (found->size() == 0) return std::optional<Publication>();
  auto tables =
      ask(sql, "list the tables of publication " + name,
          "SELECT schemaname, tablename FROM pg_catalog.pg_publication_tables WHERE pubname = $1 "
          "ORDER BY schemaname, tablename",
          {name});
  if (!tables) return std::move(tables).error();
  Publication publication;
  publication.name = name;
  publication.all_tables = found->truth(0, "puballtables");
  publication.inserts = found->truth(0, "pubinsert");
  publication.updates = found->truth(0, "pubupdate");
  publication.deletes = found->truth(0, "pubdelete");
  publication.truncates = found->truth(0, "pubtruncate");
  publication.via_root = found->truth(0, "pubviaroot");
  for (std::size_t i = 0; i < tables->size(); ++i)
    publication.tables.emplace_back(tables->text(i, "schemaname"), tables->text(i, "tablename"));
  return std::optional<Publication>(std::move(publication));
}

Result<std::vector<std::string>> tables_outside(Connection& sql, const std::string& publication,
                                                const std::vector<std::uint32_t>& tables) {
  auto found = ask(sql, "compare the tables of publication " + publication, R"(
    SELECT n.nspname || '.' || c.relname AS name
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_publication_tables p
        ON p.pubname = $1 AND p.schemaname = n.nspname AND p.tablename = c.relname
     WHERE c.oid = ANY ($2::pg_catalog.oid[]) AND p.tablename IS NULL
     ORDER BY name)",
                   {publication, array_of(tables)});
  if (!found) return std::move(found).error();
  std::vector<std::string> names;
  for (std::size_t i = 0; i < found->size(); ++i) names.push_back(found->text(i, "name"));
  return names;
}

std::vector<std::pair<std::uint32_t, std::uint32_t>> ctid_ranges(const TableInfo& table,
                                                                 int server_version,
                                                                 std::size_t parts) {
  constexpr std::uint64_t page_bytes = 8192;
  // Half a MiB: a smaller part is read faster than a second connection begins with it.
  constexpr std::uint64_t part_pages_min = 64;
  constexpr std::uint32_t open_end = std::numeric_limits<std::uint32_t>::max();
  std::uint64_t pages = table.bytes / page_bytes;
  if (server_version < version_14 || table.kind != 'r') parts = 1;
  parts = static_cast<std::size_t>(
      std::clamp<std::uint64_t>(pages / part_pages_min, 1, std::max<std::size_t>(parts, 1)));
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;
  for (std::size_t i = 0; i < parts; ++i) {
    auto first = static_cast<std::uint32_t>(pages * i / parts);
    auto last = i + 1 == parts ? open_end : static_cast<std::uint32_t>(pages * (i + 1) / parts);
    ranges.emplace_back(first, last);
  }
  return ranges;
}

Result<std::vector<std::string>> old_transactions(Connection& sql) {
  // A slot waits for those that have written: they have a transaction id. Without the rights of
  // pg_read_all_stats the id shows and little else.
  auto found = ask(sql, "list open transactions", R"(
    SELECT 'pid ' || pid || COALESCE(' (' || NULLIF(application_name, '') || ')', '') || COALESCE(' ' || state, '')
           || COALESCE(' for ' || pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - xact_start)::int8 || ' s', '')
           || ': ' || pg_catalog.left(pg_catalog.regexp_replace(query, '\s+', ' ', 'g'), 100) AS who
      FROM pg_catalog.pg_stat_activity
     WHERE backend_xid IS NOT NULL AND pid <> pg_catalog.pg_backend_pid()
     ORDER BY xact_start LIMIT 10)");
  if (!found) return std::move(found).error();
  auto prepared = ask(sql, "list prepared transactions", R"(
    SELECT 'prepared transaction ' || pg_catalog.quote_literal(gid) || ' of ' || owner || ' in database ' || database
           || ' for ' || pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - prepared)::int8
           || ' s: COMMIT PREPARED or ROLLBACK PREPARED ends it' AS who
      FROM pg_catalog.pg_prepared_xacts ORDER BY prepared LIMIT 10)");
  if (!prepared) return std::move(prepared).error();
  std::vector<std::string> who;
  for (const Answer* answer : {&*found, &*prepared})
    for (std::size_t i = 0; i < answer->size(); ++i) who.push_back(answer->text(i, "who"));
  return who;
}

}  // namespace tailrace::pg
