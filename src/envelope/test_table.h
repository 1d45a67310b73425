#pragma once

// What the tests of this folder write messages of.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "envelope/envelope.h"

namespace tailrace::envelope {

inline Value text(std::string_view bytes) { return {Value::State::text, bytes}; }
inline constexpr Value null_value{Value::State::null, {}};
inline constexpr Value unchanged_value{Value::State::unchanged, {}};
inline constexpr Value absent_value{Value::State::absent, {}};

inline constexpr Format formats[] = {Format::dms, Format::flat, Format::debezium,
                                     Format::cloudevents};

inline UnixMicros micros(std::int64_t count) {
  return UnixMicros(std::chrono::microseconds(count));
}

// The task "products" on the database "shop".
inline const Source source{
    .task = "products",
    .database = "shop",
    .server_version = "15.8",
    .generation = {.system_id = 0x6a1b2c3d4e5f6071, .timeline = 1, .slot_point = {0x1a000028}}};

// 2026-01-05T10:05:00.009114Z
inline const Transaction transaction{
    .xid = 90210, .commit = {0x1a2b3c40}, .commit_time = micros(1767607500009114)};
// 2026-01-05T10:05:00.018220Z
inline const Context context{.transaction = &transaction, .now = micros(1767607500018220)};
inline const Context load_context{
    .now = micros(1767607331120331), .snapshot = {0x1a2b0000}, .load_ordinal = 7};

// shop.item: id integer (the key), sku text, qty integer, attrs jsonb, updated_at timestamptz.
inline Table item_table() {
  return {.oid = 16390,
          .schema = "shop",
          .name = "item",
          .columns = {{.name = "id", .kind = ValueKind::integer, .key_position = 1},
                      {.name = "sku"},
                      {.name = "qty", .kind = ValueKind::integer},
                      {.name = "attrs", .kind = ValueKind::json},
                      {.name = "updated_at", .kind = ValueKind::timestamptz}}};
}

inline std::string message_of(Format format, const Table& table, const Change& change,
                              const Context& where,
                              PartitionBy partition_by = PartitionBy::primary_key) {
  Buffer out;
  TableEnvelope::make(format, partition_by, source, table)->append(out, change, where);
  return std::string(out.view());
}

}  // namespace tailrace::envelope
