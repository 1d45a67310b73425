#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "pg/connection.h"

namespace tailrace::pg {

// libpq's keywords and values for one attempt at one host.
using Conninfo = std::map<std::string, std::string>;

// Looks a variable of the environment up; null when it is not set.
using Environment = const char* (*)(const char* name);

// What to connect with: the URI's settings, and those that every connection of ours has. One for
// each host that the URI names, to be tried in turn.
Result<std::vector<Conninfo>> conninfos_of(const Connection::Options& options,
                                           Environment environment);

}  // namespace tailrace::pg
