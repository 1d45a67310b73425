#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tailrace::rules {

// A selection rule. `schema` and `table` are patterns (rules/pattern.h), and plain names for
// Action::exact.
struct Selection {
  enum class Action { include, exclude, exact } action = Action::include;
  std::string schema, table;
  std::uint32_t load_order = 0;
};

// A DMS table-mapping document: which tables a task captures. Other rules than selections, and
// filters, are refused.
class Mappings {
 public:
  // Fault::invalid with every problem of the document, one a line, each with its JSON path
  // ("rules[2].object-locator.schema-name: ...") and the way out; when it is no JSON at all, with
  // the line and column.
  static Result<Mappings> parse(std::string_view json);
  // Every table of every schema.
  static Mappings everything();
  // Exactly these tables, given as "schema.table" ("public." when there is no dot).
  static Mappings only(const std::vector<std::string>& tables);

  // Case-sensitive. An exclude beats an include; `explicit` names one table exactly.
  bool selects(std::string_view schema, std::string_view table) const;
  // Larger first; 0 when no rule says. Of several rules that select the table, the largest counts.
  std::uint32_t load_order(std::string_view schema, std::string_view table) const;
  // Selected tables named without wildcards, as (schema, table), each once: these must exist.
  std::vector<std::pair<std::string, std::string>> exact_tables() const;
  // Includes with wildcards that match none of these tables (schema, name), as "schema.table": a
  // mistake, or tables that are yet to come.
  std::vector<std::string> includes_without_tables(
      const std::vector<std::pair<std::string, std::string>>& tables) const;
  // The document again, for the catalogue.
  const std::string& json() const { return json_; }

 private:
  Mappings(std::vector<Selection> selections, std::string json)
      : selections_(std::move(selections)), json_(std::move(json)) {}

  std::vector<Selection> selections_;
  std::string json_;
};

}  // namespace tailrace::rules
