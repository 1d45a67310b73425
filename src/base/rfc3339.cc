#include "base/rfc3339.h"

#include <cstdio>

namespace tailrace {
namespace {

using std::chrono::sys_days;

// Takes exactly `digits` digits off the front.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (char digit : text.substr(0, digits)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    value = value * 10 + (digit - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::chrono::microseconds> take_fraction(std::string_view& text) {
  std::int64_t micros = 0, unit = 100'000;
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    micros += (text[digits++] - '0') * unit;
    unit /= 10;
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return std::chrono::microseconds{micros};
}

std::optional<std::chrono::minutes> take_zone(std::string_view& text) {
  if (take(text, "Zz")) return std::chrono::minutes{0};
  bool west = text.starts_with('-');
  if (!take(text, "+-")) return std::nullopt;
  auto hours = take_number(text, 2);
  if (!hours || *hours > 23 || !take(text, ":")) return std::nullopt;
  auto minutes = take_number(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  std::chrono::minutes zone{*hours * 60 + *minutes};
  return west ? -zone : zone;
}

}  // namespace

std::string rfc3339(UnixMicros time) {
  auto day = std::chrono::floor<std::chrono::days>(time);
  std::chrono::year_month_day date{day};
  auto millis = std::chrono::floor<std::chrono::milliseconds>(time - day).count();
  char text[40];
  int length = std::snprintf(
      text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(millis / 3'600'000), static_cast<int>(millis / 60'000 % 60),
      static_cast<int>(millis / 1000 % 60), static_cast<int>(millis % 1000));
  return {text, static_cast<std::size_t>(length)};
}

std::optional<UnixMicros> parse_rfc3339(std::string_view text) {
  auto year = take_number(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  auto month = take_number(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  auto day = take_number(text, 2);
  if (!day || !take(text, "Tt ")) return std::nullopt;
  auto hour = take_number(text, 2);
  if (!hour || *hour > 23 || !take(text, ":")) return std::nullopt;
  auto minute = take_number(text, 2);
  if (!minute || *minute > 59 || !take(text, ":")) return std::nullopt;
  auto second = take_number(text, 2);
  if (!second || *second > 60) return std::nullopt;  // 60: a leap second

  std::chrono::microseconds fraction{0};
  if (take(text, ".")) {
    auto taken = take_fraction(text);
    if (!taken) return std::nullopt;
    fraction = *taken;
  }
  auto zone = take_zone(text);
  if (!zone || !text.empty()) return std::nullopt;

  std::chrono::year_month_day date{std::chrono::year{*year},
                                   std::chrono::month{static_cast<unsigned>(*month)},
                                   std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  return UnixMicros{sys_days{date}} + std::chrono::hours{*hour} + std::chrono::minutes{*minute} +
         std::chrono::seconds{*second} + fraction - *zone;
}

}  // namespace tailrace
