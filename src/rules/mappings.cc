#include "rules/mappings.h"

#include <algorithm>

#include "base/json_text.h"
#include "rules/mapping_document.h"
#include "rules/pattern.h"

namespace tailrace::rules {
namespace {

bool names(const Selection& selection, std::string_view schema, std::string_view table) {
  if (selection.action == Selection::Action::exact)
    return selection.schema == schema && selection.table == table;
  return matches(selection.schema, schema) && matches(selection.table, table);
}

std::string document_of(const std::vector<Selection>& selections) {
  std::string json = R"({"rules":[)";
  for (std::size_t i = 0; i < selections.size(); ++i) {
    std::string id = '"' + std::to_string(i + 1) + '"';
    json += std::string(i == 0 ? "" : ",") + R"({"rule-type":"selection","rule-id":)" + id +
            R"(,"rule-name":)" + id +
            R"(,"rule-action":"include","object-locator":{"schema-name":)" +
            json_string(selections[i].schema) + R"(,"table-name":)" +
            json_string(selections[i].table) + "}}";
  }
  return json + "]}";
}

}  // namespace

Result<Mappings> Mappings::parse(std::string_view json) {
  auto selections = read_mapping_document(json);
  if (!selections) return std::move(selections).error();
  return Mappings(*std::move(selections), std::string(json));
}

Mappings Mappings::everything() {
  std::vector<Selection> all = {{.schema = "%", .table = "%"}};
  std::string json = document_of(all);
  return Mappings(std::move(all), std::move(json));
}

Mappings Mappings::only(const std::vector<std::string>& tables) {
  std::vector<Selection> selections;
  for (std::string_view table : tables) {
    std::size_t dot = table.find('.');
    bool has_schema = dot != std::string_view::npos;
    selections.push_back({.schema = has_schema ? pattern_of(table.substr(0, dot)) : "public",
                          .table = pattern_of(has_schema ? table.substr(dot + 1) : table)});
  }
  std::string json = document_of(selections);
  return Mappings(std::move(selections), std::move(json));
}

bool Mappings::selects(std::string_view schema, std::string_view table) const {
  bool selected = false;
  for (const Selection& selection : selections_) {
    if (!names(selection, schema, table)) continue;
    if (selection.action == Selection::Action::exclude) return false;
    selected = true;
  }
  return selected;
}

std::uint32_t Mappings::load_order(std::string_view schema, std::string_view table) const {
  std::uint32_t order = 0;
  for (const Selection& selection : selections_)
    if (names(selection, schema, table)) order = std::max(order, selection.load_order);
  return order;
}

std::vector<std::pair<std::string, std::string>> Mappings::exact_tables() const {
  std::vector<std::pair<std::string, std::string>> tables;
  for (const Selection& selection : selections_) {
    if (selection.action == Selection::Action::exclude) continue;
    bool exact = selection.action == Selection::Action::exact;
    auto schema = exact ? selection.schema : only_match(selection.schema);
    auto table = exact ? selection.table : only_match(selection.table);
    if (!schema || !table || !selects(*schema, *table)) continue;
    std::pair pair(*std::move(schema), *std::move(table));
    if (std::find(tables.begin(), tables.end(), pair) == tables.end())
      tables.push_back(std::move(pair));
  }
  return tables;
}

std::vector<std::string> Mappings::includes_without_tables(
    const std::vector<std::pair<std::string, std::string>>& tables) const {
  std::vector<std::string> idle;
  for (const Selection& selection : selections_) {
    if (selection.action != Selection::Action::include) continue;
    if (only_match(selection.schema) && only_match(selection.table)) continue;
    bool any = std::any_of(tables.begin(), tables.end(), [&](const auto& table) {
      return names(selection, table.first, table.second);
    });
    if (!any) idle.push_back(selection.schema + "." + selection.table);
  }
  return idle;
}

}  // namespace tailrace::rules
