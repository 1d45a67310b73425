#include "config/quantities.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/ascii_case.h"

namespace tailrace::config {
namespace {

// Takes the digits at the front off the text.
std::optional<std::uint64_t> take_whole(std::string_view& text) {
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

bool take(std::string_view& text, char expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(1);
  return true;
}

using Unit = std::pair<std::string_view, std::uint64_t>;

constexpr std::array<Unit, 14> size_units{{
    {"", 1},
    {"b", 1},
    {"k", 1ull << 10},
    {"kib", 1ull << 10},
    {"kb", 1'000},
    {"m", 1ull << 20},
    {"mib", 1ull << 20},
    {"mb", 1'000'000},
    {"g", 1ull << 30},
    {"gib", 1ull << 30},
    {"gb", 1'000'000'000},
    {"t", 1ull << 40},
    {"tib", 1ull << 40},
    {"tb", 1'000'000'000'000},
}};

constexpr std::array<Unit, 5> duration_units{
    {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};

// A hundred years: more is a slip, and would overflow where times are added.
constexpr std::int64_t duration_ms_max = 100ll * 365 * 86'400'000;

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  auto number = take_whole(text);
  if (!number) return std::nullopt;
  while (take(text, ' ')) continue;
  for (const auto& [unit, bytes] : size_units) {
    if (!equal_ignoring_case(text, unit)) continue;
    std::uint64_t value = 0;
    if (__builtin_mul_overflow(*number, bytes, &value)) return std::nullopt;
    return value;
  }
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  while (!text.empty()) {
    auto number = take_whole(text);
    if (!number) return std::nullopt;
    std::size_t letters = 0;
    while (letters < text.size() && text[letters] >= 'a' && text[letters] <= 'z') ++letters;
    auto unit = std::find_if(duration_units.begin(), duration_units.end(), [&](const Unit& known) {
      return known.first == text.substr(0, letters);
    });
    if (unit == duration_units.end()) return std::nullopt;
    text.remove_prefix(letters);
    std::int64_t part = 0;
    if (__builtin_mul_overflow(*number, unit->second, &part)) return std::nullopt;
    if (__builtin_add_overflow(total, part, &total) || total > duration_ms_max) return std::nullopt;
  }
  return std::chrono::milliseconds(total);
}

}  // namespace tailrace::config
