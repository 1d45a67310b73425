#include "capture/tables.h"

#include <algorithm>

namespace tailrace::capture {
namespace {

void number_keys(Table& table, const std::vector<std::string>& key) {
  int position = 0;
  for (Column& column : table.columns)
    if (std::find(key.begin(), key.end(), column.name) != key.end())
      column.key_position = ++position;
}

ValueKind kind_of(const pgoutput::RelationColumn& column) {
  if (auto kind = pg::kind_of_builtin(column.type_oid)) return *kind;
  // A domain's Type message has its base type's name, ".int4" for one of pg_catalog.
  if (column.user_type.starts_with('.'))
    return pg::kind_of_builtin_name(std::string_view(column.user_type).substr(1))
        .value_or(ValueKind::text);
  // Arrays of user-defined types are named after their element with an underscore before it.
  auto dot = column.user_type.find('.');
  if (dot != std::string::npos && column.user_type.substr(dot + 1).starts_with('_'))
    return ValueKind::array;
  return ValueKind::text;
}

}  // namespace

Result<std::vector<std::string>> key_columns(pg::Connection& sql, const pg::TableInfo& table) {
  std::vector<std::string> key;
  if (table.replica_identity == 'i') {
    auto rows = sql.query(
        "select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid "
        "and a.attnum = any(i.indkey::int2[]) where i.indrelid = $1::oid and i.indisreplident",
        {std::to_string(table.oid)});
    if (!rows) return std::move(rows).error().during("key of " + table.schema + "." + table.name);
    for (std::size_t row = 0; row < rows->rows.size(); ++row) key.push_back(rows->text(row, 0));
    return key;
  }
  for (const Column& column : table.columns)
    if (column.key_position > 0) key.push_back(column.name);
  return key;
}

Table table_of(const pg::TableInfo& info, const std::vector<std::string>& key) {
  Table table{info.oid, info.schema, info.name, info.columns};
  for (Column& column : table.columns) column.key_position = 0;
  number_keys(table, key);
  return table;
}

Table table_of(const pgoutput::Relation& relation, const std::vector<std::string>& catalog_key) {
  Table table{
      relation.oid, relation.schema.empty() ? "pg_catalog" : relation.schema, relation.name, {}};
  bool flags_tell = relation.replica_identity == 'd' || relation.replica_identity == 'i';
  std::vector<std::string> key;
  for (const auto& column : relation.columns) {
    std::string_view builtin = pg::builtin_type_name(column.type_oid);
    table.columns.push_back(
        {column.name, kind_of(column),
         builtin.empty() ? column.user_type.substr(column.user_type.starts_with('.') ? 1 : 0)
                         : std::string(builtin),
         0});
    if (flags_tell && column.in_identity) key.push_back(column.name);
  }
  number_keys(table, flags_tell && !key.empty() ? key : catalog_key);
  return table;
}

void TableBoard::put(std::uint32_t oid, const std::string& schema, const std::string& name,
                     TableState state, std::string error) {
  tables_.with([&](auto& tables) {
    TableStatus& table = tables[oid];
    table.schema = schema;
    table.name = name;
    table.state = state;
    table.error = std::move(error);
  });
}

void TableBoard::set_state(std::uint32_t oid, TableState state, std::string error) {
  tables_.with([&](auto& tables) {
    tables[oid].state = state;
    tables[oid].error = std::move(error);
  });
}

void TableBoard::keep_only(const std::set<std::uint32_t>& oids) {
  tables_.with([&](auto& tables) {
    std::erase_if(tables, [&](const auto& entry) { return !oids.contains(entry.first); });
  });
}

void TableBoard::add_loaded_rows(std::uint32_t oid, std::uint64_t rows) {
  tables_.with([&](auto& tables) { tables[oid].loaded_rows += rows; });
}

void TableBoard::reset_loaded_rows(std::uint32_t oid) {
  tables_.with([&](auto& tables) { tables[oid].loaded_rows = 0; });
}

void TableBoard::add_changes(std::uint32_t oid, const Counts& counts) {
  tables_.with([&](auto& tables) {
    TableStatus& table = tables[oid];
    table.inserts += counts.inserts;
    table.updates += counts.updates;
    table.deletes += counts.removes;
    table.truncates += counts.truncates;
  });
}

bool TableBoard::knows(std::uint32_t oid) const {
  return tables_.with([&](const auto& tables) { return tables.contains(oid); });
}

std::vector<TableStatus> TableBoard::status() const {
  std::vector<TableStatus> all = tables_.with([](const auto& tables) {
    std::vector<TableStatus> copy;
    for (const auto& [oid, table] : tables) copy.push_back(table);
    return copy;
  });
  std::sort(all.begin(), all.end(), [](const TableStatus& a, const TableStatus& b) {
    return std::tie(a.schema, a.name) < std::tie(b.schema, b.name);
  });
  return all;
}

}  // namespace tailrace::capture
