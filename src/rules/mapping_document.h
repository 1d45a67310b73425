#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "rules/mappings.h"

namespace tailrace::rules {

// Reads a table-mapping document. Fault::invalid with every problem, one a line.
Result<std::vector<Selection>> read_mapping_document(std::string_view json);

}  // namespace tailrace::rules
