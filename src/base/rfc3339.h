#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace tailrace {

// "2026-01-31T10:00:00.123Z": UTC, always with milliseconds. Years 0000 to 9999.
std::string rfc3339(UnixMicros time);

// Any offset from UTC; fractions beyond microseconds are cut. Nothing when the text is no time.
std::optional<UnixMicros> parse_rfc3339(std::string_view text);

}  // namespace tailrace
