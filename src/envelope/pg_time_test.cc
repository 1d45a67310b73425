#include "envelope/pg_time.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "envelope/instant_text.h"

namespace tailrace::envelope {
namespace {

std::string utc_time(std::string_view timetz) {
  Buffer out;
  bool written = append_utc_time(out, timetz);
  EXPECT_EQ(written, !out.empty());
  return std::string(out.view());
}

std::string instant(InstantText& text, std::int64_t micros) {
  Buffer out;
  text.append(out, UnixMicros(std::chrono::microseconds(micros)));
  return std::string(out.view());
}

}  // namespace

TEST(PgTime, CountsDaysSince1970InEveryEra) {
  EXPECT_EQ(epoch_days("1970-01-01"), 0);
  EXPECT_EQ(epoch_days("1969-12-31"), -1);
  EXPECT_EQ(epoch_days("2000-02-29"), 11016);
  EXPECT_EQ(epoch_days("2026-01-31"), 20484);
  EXPECT_EQ(epoch_days("0001-01-01"), -719162);
  EXPECT_EQ(epoch_days("0001-12-31 BC"), -719163);
  EXPECT_EQ(epoch_days("0044-03-15 BC"), -735160);
  EXPECT_EQ(epoch_days("4714-11-24 BC"), -2440588);    // PostgreSQL's first day
  EXPECT_EQ(epoch_days("5874897-12-31"), 2145042905);  // and its last
}

TEST(PgTime, DaysAndDatesLeadToEachOther) {
  for (std::int64_t days = -800'000; days < 800'000; days += 37) {
    Date date = date_of(days);
    std::chrono::year_month_day expected{std::chrono::sys_days(std::chrono::days(days))};
    ASSERT_EQ(date.year, static_cast<int>(expected.year())) << days;
    ASSERT_EQ(date.month, static_cast<int>(static_cast<unsigned>(expected.month()))) << days;
    ASSERT_EQ(date.day, static_cast<int>(static_cast<unsigned>(expected.day()))) << days;
    char text[32];
    bool bc = date.year <= 0;
    std::snprintf(text, sizeof text, "%04d-%02d-%02d%s",
                  static_cast<int>(bc ? 1 - date.year : date.year), date.month, date.day,
                  bc ? " BC" : "");
    ASSERT_EQ(epoch_days(text), days) << text;
  }
}

TEST(PgTime, CountsMicrosecondsSince1970) {
  EXPECT_EQ(epoch_micros("1970-01-01 00:00:00"), 0);
  EXPECT_EQ(epoch_micros("2026-01-05 10:05:00.009114"), 1767607500009114);
  EXPECT_EQ(epoch_micros("1969-12-31 23:59:59.5"), -500'000);
  EXPECT_EQ(epoch_micros("0044-03-15 12:00:00 BC"), -735160 * 86'400'000'000 + 43'200'000'000);
  EXPECT_EQ(epoch_micros("294246-12-31 23:59:59.999999"), 9223371244799999999);
  EXPECT_EQ(epoch_micros("294276-12-31 23:59:59.999999"), std::nullopt);  // beyond 64 bits
}

TEST(PgTime, CountsMicrosecondsOfTheDay) {
  EXPECT_EQ(micros_of_day("00:00:00"), 0);
  EXPECT_EQ(micros_of_day("10:00:00.5"), 36'000'500'000);
  EXPECT_EQ(micros_of_day("24:00:00"), 86'400'000'000);
}

TEST(PgTime, WhatIsNotExactlyTheFormIsNothing) {
  for (const char* text :
       {"", "infinity", "-infinity", "2026", "2026-1-01", "2026-13-01", "2026-00-01", "2026-01-32",
        "2026-01-31x", "2026-01-31 AD", "2026-01-31 BC ", "-2026-01-31", "99999999999-01-01"})
    EXPECT_EQ(epoch_days(text), std::nullopt) << text;
  for (const char* text : {"2026-01-31", "2026-01-31 ", "2026-01-31 10:00", "2026-01-31T10:00:00",
                           "2026-01-31 10:00:00+00", "2026-01-31 10:00:00.", "2026-01-31 10:60:00",
                           "2026-01-31 10:00:00.1234567", "infinity"})
    EXPECT_EQ(epoch_micros(text), std::nullopt) << text;
  for (const char* text : {"", "10", "10:00", "25:00:00", "10:00:00+00", "10:00:00 ", "1:00:00"})
    EXPECT_EQ(micros_of_day(text), std::nullopt) << text;
}

TEST(PgTime, ACommonTimestampIsOneThatRfc3339CanSay) {
  EXPECT_EQ(common_timestamp("2026-01-31 10:00:00", ""), "2026-01-31 10:00:00");
  EXPECT_EQ(common_timestamp("2026-01-31 10:00:00.123456+00", "+00"), "2026-01-31 10:00:00.123456");
  for (const char* text :
       {"", "+00", "2026-01-31 10:00:00", "12026-01-31 10:00:00+00", "0044-03-15 10:00:00+00 BC",
        "infinity", "2026-01-31 10:00:00.+00", "2026-01-31 10:00:00.1234567+00",
        "2026-01-31 10:00:00+05:30", "2026-01-31 10:00:00,5+00", "2026-01-3\" 10:00:00+00"})
    EXPECT_EQ(common_timestamp(text, "+00"), std::nullopt) << text;
}

TEST(PgTime, TimesWithAZoneBecomeUtc) {
  EXPECT_EQ(utc_time("10:00:00.5+00"), "10:00:00.5Z");
  EXPECT_EQ(utc_time("10:00:00+05:30"), "04:30:00Z");
  EXPECT_EQ(utc_time("01:00:00.000001+05:30"), "19:30:00.000001Z");
  EXPECT_EQ(utc_time("23:00:00-02"), "01:00:00Z");
  EXPECT_EQ(utc_time("10:00:10+00:00:10"), "10:00:00Z");
  EXPECT_EQ(utc_time("10:00:00-15:59:59"), "01:59:59Z");
  for (const char* text : {"", "24:00:00+00", "10:00:00", "10:00:00Z", "10:00:00+0",
                           "10:00:00+05:", "10:00:00+05:30:00:00", "allballs"})
    EXPECT_EQ(utc_time(text), "") << text;
}

TEST(InstantText, WritesSixDigitsAlways) {
  InstantText text;
  EXPECT_EQ(instant(text, 0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(instant(text, 1767607500009114), "2026-01-05T10:05:00.009114Z");
  EXPECT_EQ(instant(text, 1767607500999999), "2026-01-05T10:05:00.999999Z");
  EXPECT_EQ(instant(text, 1767607501000000), "2026-01-05T10:05:01.000000Z");
  EXPECT_EQ(instant(text, -1), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(instant(text, -62135596800000000), "0001-01-01T00:00:00.000000Z");
  EXPECT_EQ(instant(text, std::numeric_limits<std::int64_t>::max()),
            "294247-01-10T04:00:54.775807Z");
  EXPECT_EQ(instant(text, std::numeric_limits<std::int64_t>::min()),
            "-290308-12-21T19:59:05.224192Z");
}

}  // namespace tailrace::envelope
