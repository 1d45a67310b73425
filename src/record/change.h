#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "record/lsn.h"

namespace tailrace {

// What a value means, as far as a message's form depends on it. The text of every value is
// PostgreSQL's own output with fixed settings (DateStyle ISO, IntervalStyle postgres, TimeZone
// UTC, bytea_output hex, extra_float_digits 3), the same in load and stream.
enum class ValueKind : std::uint8_t {
  boolean,      // t, f
  integer,      // int2, int4, int8, oid
  floating,     // float4, float8; NaN, Infinity, -Infinity
  numeric,      // exact decimal; NaN, Infinity, -Infinity
  text,         // text, varchar, char, name, uuid, enum, inet, interval, ranges, composites, ...
  json,         // json, jsonb: valid JSON text
  bytes,        // bytea as \x6869
  date,         // 2026-01-31, 0044-03-15 BC, infinity, -infinity
  time,         // 24:00:00
  timetz,       // 10:00:00.5+00
  timestamp,    // 2026-01-31 10:00:00.123456, also with " BC", infinity
  timestamptz,  // 2026-01-31 10:00:00.123456+00
  array,        // {a,"b c",NULL}
};

struct Column {
  std::string name;
  ValueKind kind = ValueKind::text;
  std::string type_name;  // as format_type() prints it without its modifier: "integer"
  int key_position = 0;   // 1, 2, ... in the key that names a row; 0: not part of it
  bool operator==(const Column&) const = default;
};

// A table as one moment of the stream sees it. Immutable once made.
struct Table {
  std::uint32_t oid = 0;  // the identity; the name is only a label
  std::string schema;
  std::string name;
  std::vector<Column> columns;
  bool operator==(const Table&) const = default;
};

struct Value {
  enum class State : std::uint8_t {
    null,
    text,
    unchanged,  // a TOASTed value that the update did not touch and the WAL does not hold
    absent,     // not part of this row image (an old row that shows only its key)
  };
  State state = State::null;
  std::string_view bytes;  // with State::text; lives as long as the message it was read from
};

// One value per column of the table, in its order.
using Row = std::span<const Value>;

enum class Operation : std::uint8_t { load, insert, update, remove, truncate };

// A change of one row, or a truncate of one table. Views only: valid during the call that hands
// it over.
struct Change {
  Operation operation = Operation::insert;
  const Table* table = nullptr;
  Row before;                 // empty when the source gives no old row
  Row after;                  // empty for remove and truncate
  std::uint64_t ordinal = 0;  // 1, 2, ... in its transaction, the same at every re-capture
};

struct Transaction {
  std::uint32_t xid = 0;
  Lsn commit;  // start of the commit record: the transaction's place in the order
  UnixMicros commit_time;
};

}  // namespace tailrace
