#pragma once

#include <string_view>

namespace tailrace::config {

// What PostgreSQL takes as the name of a replication slot: 1 to 63 of a-z, 0-9 and _.
bool is_slot_name(std::string_view name);

}  // namespace tailrace::config
