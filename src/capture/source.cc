#include "capture/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/whole_number.h"

namespace tailrace::capture {
namespace {

std::string quoted(const pg::TableInfo& table) {
  return pg::quote_identifier(table.schema) + "." + pg::quote_identifier(table.name);
}

std::string plain(const pg::TableInfo& table) { return table.schema + "." + table.name; }

// Collects findings, and keeps the first one that the task cannot live with.
class Findings {
 public:
  explicit Findings(Inspection& inspection) : inspection_(inspection) {}
  void ok(std::string what) {
    inspection_.findings.push_back({Finding::Level::ok, std::move(what), {}});
  }
  void warn(std::string what, std::string cure) {
    inspection_.findings.push_back({Finding::Level::warning, std::move(what), std::move(cure)});
  }
  void fail(Fault fault, std::string what, std::string cure) {
    if (!inspection_.obstacle) inspection_.obstacle = Error{fault, what + ": " + cure};
    inspection_.findings.push_back({Finding::Level::error, std::move(what), std::move(cure)});
  }

 private:
  Inspection& inspection_;
};

Result<std::map<std::string, std::string>> settings(pg::Connection& sql) {
  constexpr const char* needed[] = {"wal_level", "max_replication_slots", "max_slot_wal_keep_size",
                                    "synchronous_standby_names", "server_encoding"};
  auto rows = sql.query("select name, setting from pg_settings where name = any($1::text[])",
                        {fmt::format("{{{}}}", fmt::join(needed, ","))});
  if (!rows) return std::move(rows).error().during("read settings");
  std::map<std::string, std::string> all;
  for (std::size_t row = 0; row < rows->rows.size(); ++row)
    all[rows->text(row, 0)] = rows->text(row, 1);
  for (const char* name : needed)
    if (!all.contains(name))
      return Error{Fault::invalid, "the server says that it is PostgreSQL " +
                                       sql.server_version_text() + " and has no setting " + name};
  return all;
}

struct Rights {
  std::string role;
  bool superuser = false, replication = false, create_in_database = false;
};

Result<Rights> rights(pg::Connection& sql) {
  auto rows = sql.query(
      "select current_user, r.rolsuper, r.rolreplication or exists (select 1 from pg_roles m "
      "where m.rolname = 'rds_replication' and pg_has_role(current_user, m.oid, 'member')), "
      "has_database_privilege(current_database(), 'CREATE') "
      "from pg_roles r where r.rolname = current_user");
  if (!rows) return std::move(rows).error().during("read the role's rights");
  if (rows->empty()) return Error{Fault::denied, "the connected role is not in pg_roles"};
  return Rights{rows->text(0, 0), rows->text(0, 1) == "t", rows->text(0, 2) == "t",
                rows->text(0, 3) == "t"};
}

// Tables (by oid) that the role may not read, and those that it does not own.
struct TableRights {
  std::set<std::uint32_t> unreadable, foreign;
};

Result<TableRights> table_rights(pg::Connection& sql, const std::vector<WantedTable>& wanted) {
  TableRights result;
  if (wanted.empty()) return result;
  std::string oids = "{";
  for (const auto& table : wanted)
    oids += (oids.size() > 1 ? "," : "") + std::to_string(table.info.oid);
  auto rows = sql.query(
      "select c.oid, has_schema_privilege(c.relnamespace, 'USAGE') and "
      "(has_table_privilege(c.oid, 'SELECT') or has_any_column_privilege(c.oid, 'SELECT')), "
      "pg_has_role(current_user, c.relowner, 'USAGE') "
      "from pg_class c where c.oid = any($1::oid[])",
      {oids + "}"});
  if (!rows) return std::move(rows).error().during("read table rights");
  for (std::size_t row = 0; row < rows->rows.size(); ++row) {
    auto oid = parse_whole<std::uint32_t>(rows->text(row, 0));
    if (!oid)
      return Error{Fault::corrupt, "read table rights: '" + rows->text(row, 0) + "' is no oid"};
    if (rows->text(row, 1) != "t") result.unreadable.insert(*oid);
    if (rows->text(row, 2) != "t") result.foreign.insert(*oid);
  }
  return result;
}

void inspect_replication(const TaskSpec& spec, const std::map<std::string, std::string>& setting,
                         const Rights& role, bool slot_exists, pg::Connection& sql,
                         Findings& findings) {
  if (auto level = setting.at("wal_level"); level == "logical")
    findings.ok("wal_level is logical");
  else
    findings.fail(Fault::invalid, "wal_level is " + level + ", logical decoding needs logical",
                  "run as a superuser: ALTER SYSTEM SET wal_level = 'logical'; then restart "
                  "PostgreSQL (on RDS set rds.logical_replication = 1 in the parameter group)");

  if (role.replication || role.superuser)
    findings.ok("role " + role.role + " may replicate");
  else
    findings.fail(Fault::denied, "role " + role.role + " may not replicate",
                  "run as a superuser: ALTER ROLE " + pg::quote_identifier(role.role) +
                      " REPLICATION; (on RDS: GRANT rds_replication TO " +
                      pg::quote_identifier(role.role) + ";)");
  if (role.superuser)
    findings.warn("role " + role.role + " is a superuser",
                  "a role of its own is safer: CREATE ROLE cdc LOGIN REPLICATION PASSWORD '...'; "
                  "GRANT SELECT on the captured tables");

  auto used = sql.query("select count(*) from pg_replication_slots");
  if (used && !slot_exists) {
    auto max = parse_whole<int>(setting.at("max_replication_slots"));
    auto taken = parse_whole<int>(used->text(0, 0));
    // A load that starts again needs a temporary slot beside the task's own.
    if (!max || !taken)
      findings.fail(Fault::corrupt,
                    fmt::format("'{}' of '{}' replication slots are no numbers", used->text(0, 0),
                                setting.at("max_replication_slots")),
                    "is this PostgreSQL?");
    else if (*taken >= *max)
      findings.fail(
          Fault::unavailable, fmt::format("all {} replication slots are taken", *max),
          "raise max_replication_slots (a restart), or drop one that nobody needs: SELECT "
          "slot_name, active FROM pg_replication_slots;");
    else
      findings.ok(fmt::format("{} of {} replication slots are free", *max - *taken, *max));
  }
  if (auto names = setting.at("synchronous_standby_names"); names.find('*') != std::string::npos)
    findings.warn("synchronous_standby_names is '" + names + "' and matches every client",
                  "name the standbys, or commits will wait for task " + spec.name);
  if (setting.at("max_slot_wal_keep_size") == "-1")
    findings.warn("max_slot_wal_keep_size is unlimited",
                  "a task that stays stopped fills the source's disk; consider ALTER SYSTEM SET "
                  "max_slot_wal_keep_size = '50GB'; SELECT pg_reload_conf();");
}

// An include that is for tables to come is no mistake, so it is a warning.
void inspect_mappings(const rules::Mappings& mappings, const std::vector<pg::TableInfo>& tables,
                      Findings& findings) {
  std::vector<std::pair<std::string, std::string>> names;
  for (const auto& table : tables) names.emplace_back(table.schema, table.name);
  for (const auto& include : mappings.includes_without_tables(names))
    findings.warn(
        "the table mappings include " + include + ", which matches no table",
        "if it should, correct its object-locator (names are case-sensitive); tables that "
        "are made later join at the task's next start");
}

void inspect_tables(const TaskSpec& spec, const rules::Mappings& mappings, const Rights& role,
                    const TableRights& rights, Inspection& inspection, Findings& findings) {
  std::set<std::pair<std::string, std::string>> present;
  for (auto& table : inspection.wanted) present.emplace(table.info.schema, table.info.name);
  for (const auto& [schema, name] : mappings.exact_tables()) {
    if (present.contains({schema, name}) || !mappings.selects(schema, name)) continue;
    // A table that an application drops must not take the others' changes with it.
    if (inspection.slot) {
      findings.warn("table " + schema + "." + name + " does not exist",
                    "it was dropped or renamed; create it, or take it out of the table mappings");
      continue;
    }
    findings.fail(Fault::not_found, "table " + schema + "." + name + " does not exist",
                  "create it, or correct object-locator in the task's table mappings (names are "
                  "case-sensitive)");
  }
  if (inspection.wanted.empty()) {
    findings.fail(Fault::not_found, "the table mappings select no table",
                  "list what there is with: SELECT schemaname, tablename FROM pg_tables;");
    return;
  }
  std::size_t good = 0;
  for (auto& table : inspection.wanted) {
    if (!table.error.empty()) {
      findings.warn(plain(table.info) + " is not captured", table.error);
      continue;
    }
    if (spec.migration_type != MigrationType::cdc && rights.unreadable.contains(table.info.oid)) {
      table.error = fmt::format(
          "role {} may not read it: GRANT USAGE ON SCHEMA {} TO {}; GRANT "
          "SELECT ON {} TO {};",
          role.role, pg::quote_identifier(table.info.schema), pg::quote_identifier(role.role),
          quoted(table.info), pg::quote_identifier(role.role));
      findings.warn(plain(table.info) + " is not captured", table.error);
      continue;
    }
    ++good;
    if (!table.info.toastable_columns.empty() && table.info.replica_identity != 'f')
      findings.warn(
          plain(table.info) +
              ": large values that an update leaves alone are listed as "
              "unchanged, not sent",
          "if consumers need them: ALTER TABLE " + quoted(table.info) + " REPLICA IDENTITY FULL;");
  }
  if (good == 0)
    findings.fail(Fault::denied, "none of the selected tables can be captured",
                  inspection.wanted.front().error);
  else
    findings.ok(fmt::format("{} {} captured", good, good == 1 ? "table is" : "tables are"));
}

void inspect_publication(const TaskSpec& spec, const Rights& role, const TableRights& rights,
                         Inspection& inspection, Findings& findings, int server_version) {
  if (inspection.publication) {
    const auto& found = *inspection.publication;
    if (found.inserts && found.updates && found.deletes && found.truncates)
      findings.ok("publication " + spec.publication + " exists");
    else
      findings.warn("publication " + spec.publication + " leaves some operations out",
                    "if consumers need them: ALTER PUBLICATION " +
                        pg::quote_identifier(spec.publication) +
                        " SET (publish = 'insert, update, delete, truncate');");
    return;
  }
  bool owns_all = std::none_of(
      inspection.wanted.begin(), inspection.wanted.end(),
      [&](auto& table) { return table.error.empty() && rights.foreign.contains(table.info.oid); });
  if (role.superuser || (role.create_in_database && owns_all))
    findings.ok("publication " + spec.publication + " can be created");
  else
    findings.fail(
        Fault::denied,
        "publication " + spec.publication + " does not exist and role " + role.role +
            " may not create it",
        "run as the tables' owner: " + publication_sql(spec, inspection.wanted, server_version));
}

}  // namespace

std::vector<WantedTable> wanted_tables(const rules::Mappings& mappings,
                                       const std::vector<pg::TableInfo>& tables) {
  std::set<std::uint32_t> selected;
  for (const auto& table : tables)
    if (mappings.selects(table.schema, table.name)) selected.insert(table.oid);
  std::vector<WantedTable> wanted;
  for (const auto& table : tables) {
    if (!selected.contains(table.oid)) continue;
    if (table.partition_root && selected.contains(*table.partition_root)) continue;
    WantedTable one{table, {}};
    if (table.persistence != 'p')
      one.error = "it is " + std::string(table.persistence == 'u' ? "unlogged" : "temporary") +
                  ", so PostgreSQL writes no WAL for it: ALTER TABLE " + quoted(table) +
                  " SET LOGGED;";
    else if (table.lacks_identity())
      one.error =
          "it has no replica identity, so published updates and deletes would fail at the "
          "source: add a primary key, or ALTER TABLE " +
          quoted(table) + " REPLICA IDENTITY FULL;";
    wanted.push_back(std::move(one));
  }
  return wanted;
}

std::string publication_sql(const TaskSpec& spec, const std::vector<WantedTable>& wanted,
                            int server_version) {
  std::string sql = "CREATE PUBLICATION " + pg::quote_identifier(spec.publication) + " FOR TABLE ";
  bool first = true;
  for (const auto& table : wanted) {
    if (!table.error.empty()) continue;
    if (!first) sql += ", ";
    first = false;
    sql += (table.info.kind == 'p' ? "" : "ONLY ") + quoted(table.info);
  }
  sql += " WITH (publish_via_partition_root = true";
  // Stored generated columns are in a load, so they must be in the stream where they can be.
  if (server_version >= 180000) sql += ", publish_generated_columns = stored";
  return sql + ");";
}

Result<Inspection> inspect(const TaskSpec& spec, const rules::Mappings& mappings,
                           pg::Connection& sql) {
  Inspection inspection;
  Findings findings(inspection);
  if (sql.server_version() < 130000) {
    findings.fail(Fault::invalid, "the server is PostgreSQL " + sql.server_version_text(),
                  "versions 13 to 18 are supported");
    return inspection;
  }
  findings.ok("the server is PostgreSQL " + sql.server_version_text());

  auto setting = settings(sql);
  if (!setting) return std::move(setting).error();
  auto role = rights(sql);
  if (!role) return std::move(role).error();
  auto tables = pg::list_tables(sql);
  if (!tables) return std::move(tables).error().during("list tables");
  inspection.wanted = wanted_tables(mappings, *tables);
  auto readable = table_rights(sql, inspection.wanted);
  if (!readable) return std::move(readable).error();

  if (auto encoding = setting->at("server_encoding"); encoding == "SQL_ASCII")
    findings.warn("the database's encoding is SQL_ASCII, so its text may be of any encoding",
                  "a value that is not UTF-8 stops the task: mend such values first");

  bool streams = spec.migration_type != MigrationType::full_load;
  if (streams) {
    auto slot = pg::find_slot(sql, spec.slot);
    if (!slot) return std::move(slot).error();
    inspection.slot = *slot;
    inspect_replication(spec, *setting, *role, slot->has_value(), sql, findings);
  }
  // Before the tables: the SQL that it names is for those too that the role may not read yet.
  if (streams) {
    auto publication = pg::find_publication(sql, spec.publication);
    if (!publication) return std::move(publication).error();
    inspection.publication = *publication;
    bool any = std::any_of(inspection.wanted.begin(), inspection.wanted.end(),
                           [](const WantedTable& table) { return table.error.empty(); });
    if (any)
      inspect_publication(spec, *role, *readable, inspection, findings, sql.server_version());
  }
  inspect_mappings(mappings, *tables, findings);
  inspect_tables(spec, mappings, *role, *readable, inspection, findings);
  return inspection;
}

bool covers(const pg::Publication& publication, const pg::TableInfo& table) {
  return publication.all_tables ||
         std::find(publication.tables.begin(), publication.tables.end(),
                   std::pair(table.schema, table.name)) != publication.tables.end();
}

Result<void> ensure_publication(const TaskSpec& spec, pg::Connection& sql, Inspection& inspection) {
  if (!inspection.publication) {
    auto made = sql.query(publication_sql(spec, inspection.wanted, sql.server_version()));
    if (!made) return std::move(made).error().during("create publication " + spec.publication);
    auto found = pg::find_publication(sql, spec.publication);
    if (!found) return std::move(found).error();
    inspection.publication = *found;
    return {};
  }
  const pg::Publication& publication = *inspection.publication;
  for (auto& table : inspection.wanted) {
    if (!table.error.empty() || covers(publication, table.info)) continue;
    // Without publish_via_partition_root the publication lists the leaves of a partitioned table.
    if (table.info.kind == 'p' && !publication.via_root) {
      table.error = "publication " + spec.publication +
                    " publishes its partitions one by one: "
                    "ALTER PUBLICATION " +
                    pg::quote_identifier(spec.publication) +
                    " SET (publish_via_partition_root = true);";
      continue;
    }
    std::string add = "ALTER PUBLICATION " + pg::quote_identifier(spec.publication) +
                      " ADD TABLE " + (table.info.kind == 'p' ? "" : "ONLY ") + quoted(table.info) +
                      ";";
    auto added = sql.query(add);
    if (!added)
      table.error = "publication " + spec.publication +
                    " does not cover it and adding it failed (" + added.error().message +
                    "); run as its owner: " + add;
  }
  return {};
}

Result<std::vector<Finding>> preflight(const TaskSpec& spec) {
  auto mappings = rules::Mappings::parse(spec.table_mappings);
  if (!mappings) return std::move(mappings).error().during("table mappings of task " + spec.name);
  auto sql = pg::Connection::connect({.uri = spec.source, .application_name = "tailrace check"});
  if (!sql) return std::move(sql).error();
  auto inspection = inspect(spec, *mappings, **sql);
  if (!inspection) return std::move(inspection).error();
  if (spec.migration_type != MigrationType::full_load) {
    auto replication = pg::Connection::connect({.uri = spec.source,
                                                .application_name = "tailrace check",
                                                .kind = pg::Connection::Kind::replication});
    if (!replication && !inspection->obstacle)
      inspection->findings.push_back(
          {Finding::Level::error,
           "a replication connection is refused: " + replication.error().message,
           "pg_hba.conf needs a line for this database and role (not the keyword 'replication'); a "
           "connection pooler cannot be used"});
  }
  return std::move(inspection->findings);
}

}  // namespace tailrace::capture
