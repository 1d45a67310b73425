#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tailrace {

// A byte position in PostgreSQL's WAL. It never counts our own records.
struct Lsn {
  std::uint64_t value = 0;
  auto operator<=>(const Lsn&) const = default;
};

// As PostgreSQL prints it: "16/B374D848".
std::string to_string(Lsn lsn);
std::optional<Lsn> parse_lsn(std::string_view text);

}  // namespace tailrace
