#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/buffer.h"

namespace tailrace::envelope {

// Reads the text that PostgreSQL prints for dates and times with DateStyle ISO and TimeZone UTC.
// Whatever is not exactly that ("infinity", another zone) gives nothing.

// A day of the proleptic Gregorian calendar; year 0 is 1 BC.
struct Date {
  std::int64_t year = 1970;
  int month = 1;
  int day = 1;
};
// The day so many days after 1970-01-01.
Date date_of(std::int64_t epoch_days);

// "2026-01-31", "12026-01-31", "0044-03-15 BC": days since 1970-01-01.
std::optional<std::int64_t> epoch_days(std::string_view date);
// "2026-01-31 10:00:00.123456", also with " BC": microseconds since 1970-01-01 00:00.
std::optional<std::int64_t> epoch_micros(std::string_view timestamp);
// "10:00:00.5", "24:00:00": microseconds since midnight.
std::optional<std::int64_t> micros_of_day(std::string_view time);

// "2026-01-31 10:00:00.123456", followed by `zone`, of a year from 1 to 9999 AD: what RFC 3339 can
// say. The time without the zone.
std::optional<std::string_view> common_timestamp(std::string_view text, std::string_view zone);

// "10:00:00.5+05:30" as the time of day in UTC, "04:30:00.5Z". False, and nothing is written, for
// another text and for 24:00.
bool append_utc_time(Buffer& out, std::string_view timetz);

}  // namespace tailrace::envelope
