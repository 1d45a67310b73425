#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "record/lsn.h"

namespace tailrace {

// Which history a position belongs to. LSNs may be compared only inside one generation: another
// cluster, or a slot made anew, is another history.
struct Generation {
  std::uint64_t system_id = 0;  // IDENTIFY_SYSTEM
  std::uint32_t timeline = 0;   // of the cluster when the slot was made
  Lsn slot_point;               // the slot's consistent point at its creation
  auto operator<=>(const Generation&) const = default;
};

// A place in a source's history. Everything before it is in the log.
//
// Between transactions `commit` and `ordinal` are zero and `end` is the LSN up to which PostgreSQL
// may be told that all is durable. Inside a transaction (one too large for one group) `commit` is
// the start of its commit record, which the Begin message carries, and the first `ordinal` changes
// of it are in the log; `end` is still the end of the transaction before it.
//
// Changes are numbered by the *start* of the commit record and not by its end: it is as unique, it
// has the same order, and it is known before the first row arrives.
struct Position {
  Generation generation;
  Lsn end;
  Lsn commit;
  std::uint64_t ordinal = 0;
  auto operator<=>(const Position&) const = default;
};

// 44 bytes, little endian: system id 8, timeline 4, slot point 8, end 8, commit 8, ordinal 8.
std::string encode(const Position& position);
std::optional<Position> decode_position(std::string_view bytes);

}  // namespace tailrace
