#include "base/rfc3339.h"

#include <gtest/gtest.h>

namespace tailrace {
namespace {

UnixMicros micros(std::int64_t count) { return UnixMicros{std::chrono::microseconds{count}}; }

TEST(Rfc3339, PrintsUtcWithMilliseconds) {
  EXPECT_EQ(rfc3339(micros(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339(micros(1769853600123999)), "2026-01-31T10:00:00.123Z");
  EXPECT_EQ(rfc3339(micros(-1)), "1969-12-31T23:59:59.999Z");
}

TEST(Rfc3339, ReadsItsOwnOutputAndEveryZone) {
  EXPECT_EQ(parse_rfc3339("2026-01-31T10:00:00.123Z"), micros(1769853600123000));
  EXPECT_EQ(parse_rfc3339("2026-01-31T10:00:00Z"), micros(1769853600000000));
  EXPECT_EQ(parse_rfc3339("2026-01-31T12:30:00.5+02:30"), micros(1769853600500000));
  EXPECT_EQ(parse_rfc3339("2026-01-31t05:00:00.1234567891-05:00"), micros(1769853600123456));
  EXPECT_EQ(parse_rfc3339("2024-02-29T00:00:00Z"), micros(1709164800000000));
}

TEST(Rfc3339, WhatIsNoTimeIsRefused) {
  for (const char* text :
       {"", "latest", "2026-01-31", "2026-01-31T10:00:00", "2026-02-30T10:00:00Z",
        "2026-13-01T10:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T10:60:00Z",
        "2026-01-31T10:00:61Z", "2026-01-31T10:00:00.Z", "2026-01-31T10:00:00Zx",
        "2026-01-31T10:00:00+2:00", "2026-01-31T10:00:00+24:00", "+026-01-31T10:00:00Z"})
    EXPECT_FALSE(parse_rfc3339(text)) << text;
}

}  // namespace
}  // namespace tailrace
