#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/fields.h"

namespace tailrace::config {

// The sections of the file, one function each. They add what they read to the declaration, also
// when parts of it were wrong: a name that is declared is known to those who refer to it.

// Where names stand, for messages about what refers to them.
struct Names {
  std::vector<std::string> streams, functions;
};

void read_aws(Reading& reading, const Node& node, Config& config);
// After read_aws(): a port that other machines can reach needs keys.
void read_listen(Reading& reading, const Node& node, Config& config, Parsed& parsed);
void read_streams(Reading& reading, const Node& node, catalog::Declaration& declaration,
                  Names& names);
void read_functions(Reading& reading, const Node& node, catalog::Declaration& declaration,
                    Names& names);
void read_tasks(Reading& reading, const Node& node, const Names& names,
                catalog::Declaration& declaration);
void read_triggers(Reading& reading, const Node& node, const Names& names,
                   catalog::Declaration& declaration);

// A task's table mappings: a file, a JSON document as text, or the document written in place.
// Returns the JSON document; a problem and empty text when it is wrong.
std::string read_table_mappings(Reading& reading, const Node& node, const std::string& key);

// Reports a name that refers to nothing declared.
void check_reference(Fields& fields, const std::string& field, const std::string& name,
                     const std::vector<std::string>& declared, const std::string& kind);
// The same for a stream. Only a warning: it may have been made through the API.
void check_stream(Reading& reading, const Fields& fields, const std::string& name,
                  const Names& names);

}  // namespace tailrace::config
