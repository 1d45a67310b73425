#pragma once

#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "record/change.h"

namespace tailrace::capture {

// Splits one line of COPY's text format (without its line end) into values: tab between columns,
// \N for NULL, backslash escapes. https://www.postgresql.org/docs/current/sql-copy.html
//
// The values point into the line, or into `unescaped` where an escape had to be undone; both must
// outlive them. False when the line has not exactly values.size() columns.
bool split_copy_line(std::string_view line, std::vector<Value>& values, Buffer& unescaped);

}  // namespace tailrace::capture
