#pragma once

#include <string>
#include <string_view>

#include "cli/console.h"

namespace tailrace::cli {

// One line of a live tail, for people.
struct TailLine {
  std::string record;   // time, shard, offset, key, payload; empty when the line is no record
  std::string warning;  // why records are missing here
};
TailLine render_tail_line(const Console& console, std::string_view json_line);

}  // namespace tailrace::cli
