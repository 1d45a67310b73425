#pragma once

#include <nlohmann/json_fwd.hpp>

namespace tailrace::cli {

// The list of that name in an answer of the admin API; an empty one where there is none.
const nlohmann::json& list_of(const nlohmann::json& object, const char* name);

}  // namespace tailrace::cli
