#pragma once

#include <cstdint>

namespace tailrace::pg {

// Where the oids of types end that every server has: pgoutput describes those from here on with a
// Type message. (PostgreSQL's FirstGenbkiObjectId.)
inline constexpr std::uint32_t first_user_oid = 10000;

}  // namespace tailrace::pg
