#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tailrace::catalog {

// The account's promise to pay for a least throughput, which AWS asks for before it lets a stream
// be warmed up. Here it costs nothing; it is kept and reported. Times are milliseconds since 1970.
struct ThroughputCommitment {
  std::int64_t started_ms = 0;               // 0: never
  std::optional<std::int64_t> end_asked_ms;  // when it was asked to end

  // It holds for a day at least.
  std::int64_t earliest_end_ms() const { return started_ms + 86'400'000; }
  std::optional<std::int64_t> end_ms() const {
    if (!end_asked_ms) return std::nullopt;
    return std::max(*end_asked_ms, earliest_end_ms());
  }
  bool holds_at(std::int64_t now_ms) const {
    return started_ms != 0 && (!end_asked_ms || now_ms < *end_ms());
  }
  // Begins it, takes a wish to end back, or wishes its end.
  void ask(bool wanted, std::int64_t now_ms);
};

// As a setting of the catalogue: when it began, and after a space when it was asked to end.
std::string to_setting(const ThroughputCommitment& commitment);
// Nothing when it is damaged.
std::optional<ThroughputCommitment> commitment_of_setting(std::string_view setting);

}  // namespace tailrace::catalog
