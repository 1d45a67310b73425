#include "config/slot_name.h"

#include <algorithm>

namespace tailrace::config {
namespace {

constexpr std::size_t slot_name_max = 63;  // PostgreSQL's NAMEDATALEN less its end

}  // namespace

bool is_slot_name(std::string_view name) {
  return !name.empty() && name.size() <= slot_name_max &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

}  // namespace tailrace::config
