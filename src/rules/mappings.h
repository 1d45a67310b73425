#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tailrace::rules {

// A DMS table-mapping document: which tables a task captures.
class Mappings {
 public:
  // Fault::invalid with every problem of the document, one a line, each with its JSON path
  // ("rules[2].object-locator.schema-name: ...") and the way out.
  static Result<Mappings> parse(std::string_view json);
  // Every table of every schema.
  static Mappings everything();
  // Exactly these tables, given as "schema.table" ("public." when there is no dot).
  static Mappings only(const std::vector<std::string>& tables);

  // Case-sensitive. An exclude beats an include; `explicit` names one table exactly.
  bool selects(std::string_view schema, std::string_view table) const;
  // Larger first; 0 when no rule says.
  std::uint32_t load_order(std::string_view schema, std::string_view table) const;
  // Tables named without wildcards: these must exist.
  std::vector<std::pair<std::string, std::string>> exact_tables() const;
  // The document again, for the catalogue.
  const std::string& json() const { return json_; }

 private:
  struct Selection {
    enum class Action { include, exclude, exact } action = Action::include;
    std::string schema, table;
    std::uint32_t load_order = 0;
  };
  std::vector<Selection> selections_;
  std::string json_;
};

}  // namespace tailrace::rules
