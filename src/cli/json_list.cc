#include "cli/json_list.h"

#include <nlohmann/json.hpp>

namespace tailrace::cli {

const nlohmann::json& list_of(const nlohmann::json& object, const char* name) {
  static const nlohmann::json none = nlohmann::json::array();
  auto value = object.find(name);
  return value != object.end() && value->is_array() ? *value : none;
}

}  // namespace tailrace::cli
