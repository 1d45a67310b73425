#include "envelope/pg_time.h"

#include <cstdio>

namespace tailrace::envelope {
namespace {

constexpr std::int64_t micros_per_second = 1'000'000;
constexpr std::int64_t micros_per_day = 86'400 * micros_per_second;

bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// A number of at least and at most so many digits.
std::optional<std::int64_t> take_number(std::string_view& text, std::size_t min, std::size_t max) {
  std::int64_t number = 0;
  std::size_t digits = 0;
  for (; digits < text.size() && digits < max && is_digit(text[digits]); ++digits)
    number = number * 10 + (text[digits] - '0');
  if (digits < min) return std::nullopt;
  text.remove_prefix(digits);
  return number;
}

std::optional<std::int64_t> take_two_digits(std::string_view& text, std::int64_t max) {
  auto number = take_number(text, 2, 2);
  return number && *number <= max ? number : std::nullopt;
}

std::optional<Date> take_date(std::string_view& text) {
  auto year = take_number(text, 4, 9);
  if (!year || !take(text, "-")) return std::nullopt;
  auto month = take_two_digits(text, 12);
  if (!month || *month < 1 || !take(text, "-")) return std::nullopt;
  auto day = take_two_digits(text, 31);
  if (!day || *day < 1) return std::nullopt;
  return Date{*year, static_cast<int>(*month), static_cast<int>(*day)};
}

// HH:MM:SS and up to six digits of fraction.
std::optional<std::int64_t> take_time(std::string_view& text) {
  auto hour = take_two_digits(text, 24);
  if (!hour || !take(text, ":")) return std::nullopt;
  auto minute = take_two_digits(text, 59);
  if (!minute || !take(text, ":")) return std::nullopt;
  auto second = take_two_digits(text, 60);
  if (!second) return std::nullopt;
  std::int64_t micros = ((*hour * 60 + *minute) * 60 + *second) * micros_per_second;
  if (!take(text, ".")) return micros;
  std::size_t before = text.size();
  auto fraction = take_number(text, 1, 6);
  if (!fraction) return std::nullopt;
  for (std::size_t digits = before - text.size(); digits < 6; ++digits) *fraction *= 10;
  return micros + *fraction;
}

// What an era at the end makes of the year; none when something else is left.
std::optional<std::int64_t> year_in_era(std::int64_t year, std::string_view rest) {
  if (rest.empty()) return year;
  return rest == " BC" ? std::optional(1 - year) : std::nullopt;
}

// Days since 1970-01-01, counted in eras of 400 years that begin on 1 March.
std::int64_t days_of(const Date& date) {
  std::int64_t year = date.month <= 2 ? date.year - 1 : date.year;
  std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  std::int64_t year_of_era = year - era * 400;
  std::int64_t month = (date.month + 9) % 12;
  std::int64_t day_of_year = (153 * month + 2) / 5 + date.day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
         719'468;
}

}  // namespace

Date date_of(std::int64_t epoch_days) {
  std::int64_t days = epoch_days + 719'468;
  std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  std::int64_t day_of_era = days - era * 146'097;
  std::int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  std::int64_t month = (5 * day_of_year + 2) / 153;
  Date date;
  date.day = static_cast<int>(day_of_year - (153 * month + 2) / 5 + 1);
  date.month = static_cast<int>(month < 10 ? month + 3 : month - 9);
  date.year = year_of_era + era * 400 + (date.month <= 2 ? 1 : 0);
  return date;
}

std::optional<std::int64_t> epoch_days(std::string_view text) {
  auto date = take_date(text);
  if (!date) return std::nullopt;
  auto year = year_in_era(date->year, text);
  if (!year) return std::nullopt;
  return days_of({*year, date->month, date->day});
}

std::optional<std::int64_t> epoch_micros(std::string_view text) {
  auto date = take_date(text);
  if (!date || !take(text, " ")) return std::nullopt;
  auto time = take_time(text);
  if (!time) return std::nullopt;
  auto year = year_in_era(date->year, text);
  if (!year) return std::nullopt;
  // PostgreSQL counts from 2000, so its last thirty years do not fit a count from 1970.
  std::int64_t micros = 0;
  if (__builtin_mul_overflow(days_of({*year, date->month, date->day}), micros_per_day, &micros) ||
      __builtin_add_overflow(micros, *time, &micros))
    return std::nullopt;
  return micros;
}

std::optional<std::int64_t> micros_of_day(std::string_view text) {
  auto micros = take_time(text);
  return text.empty() ? micros : std::nullopt;
}

std::optional<std::string_view> common_timestamp(std::string_view text, std::string_view zone) {
  constexpr std::string_view shape = "dddd-dd-dd dd:dd:dd";
  if (!text.ends_with(zone)) return std::nullopt;
  text.remove_suffix(zone.size());
  if (text.size() < shape.size() || text.size() > shape.size() + 7) return std::nullopt;
  bool fits = true;
  for (std::size_t i = 0; i < shape.size(); ++i)
    fits &= shape[i] == 'd' ? is_digit(text[i]) : text[i] == shape[i];
  if (text.size() > shape.size()) {
    fits &= text[shape.size()] == '.' && text.size() > shape.size() + 1;
    for (char byte : text.substr(shape.size() + 1)) fits &= is_digit(byte);
  }
  return fits ? std::optional(text) : std::nullopt;
}

bool append_utc_time(Buffer& out, std::string_view text) {
  auto time = take_time(text);
  if (!time || *time >= micros_per_day || text.empty()) return false;
  int sign = text[0] == '-' ? -1 : 1;
  if (!take(text, "+") && !take(text, "-")) return false;
  // The offset: hours, and minutes and seconds when they are not zero.
  std::int64_t offset = 0;
  for (std::int64_t unit : {3600, 60, 1}) {
    if (unit != 3600 && text.empty()) break;
    if (unit != 3600 && !take(text, ":")) return false;
    auto number = take_two_digits(text, 59);
    if (!number) return false;
    offset += *number * unit;
  }
  if (!text.empty()) return false;
  std::int64_t utc = (*time - sign * offset * micros_per_second) % micros_per_day;
  if (utc < 0) utc += micros_per_day;

  std::int64_t seconds = utc / micros_per_second, fraction = utc % micros_per_second;
  char digits[64];
  int size = std::snprintf(digits, sizeof digits, "%02d:%02d:%02d.%06d",
                           static_cast<int>(seconds / 3600), static_cast<int>(seconds / 60 % 60),
                           static_cast<int>(seconds % 60), static_cast<int>(fraction));
  std::string_view shown(digits, static_cast<std::size_t>(size));
  while (shown.back() == '0' && shown.find('.') != std::string_view::npos) shown.remove_suffix(1);
  if (shown.back() == '.') shown.remove_suffix(1);
  out.append(shown);
  out.append('Z');
  return true;
}

}  // namespace tailrace::envelope
