#include "pgoutput/message.h"

#include <utility>

namespace tailrace::pgoutput {
namespace {

// PostgreSQL counts microseconds from 2000-01-01. Unsigned, so that nonsense wraps instead of
// overflowing.
UnixMicros read_time(ByteReader& bytes) {
  constexpr std::uint64_t unix_micros_of_2000 = 946'684'800'000'000;
  auto micros = bytes.be<std::uint64_t>() + unix_micros_of_2000;
  return UnixMicros{std::chrono::microseconds{static_cast<std::int64_t>(micros)}};
}

Lsn read_lsn(ByteReader& bytes) { return Lsn{bytes.be<std::uint64_t>()}; }

bool whole(const ByteReader& bytes) { return bytes.ok() && bytes.at_end(); }

}  // namespace

std::optional<Begin> read_begin(ByteReader bytes) {
  Begin begin;
  begin.commit = read_lsn(bytes);
  begin.time = read_time(bytes);
  begin.xid = bytes.be<std::uint32_t>();
  if (!whole(bytes)) return std::nullopt;
  return begin;
}

std::optional<Commit> read_commit(ByteReader bytes) {
  Commit commit;
  bytes.be<std::uint8_t>();
  commit.commit = read_lsn(bytes);
  commit.end = read_lsn(bytes);
  commit.time = read_time(bytes);
  if (!whole(bytes)) return std::nullopt;
  return commit;
}

std::optional<StreamStart> read_stream_start(ByteReader bytes) {
  StreamStart start;
  start.xid = bytes.be<std::uint32_t>();
  start.first_block = bytes.be<std::uint8_t>() != 0;
  if (!whole(bytes)) return std::nullopt;
  return start;
}

std::optional<StreamCommit> read_stream_commit(ByteReader bytes) {
  auto xid = bytes.be<std::uint32_t>();
  auto commit = read_commit(bytes);
  if (!commit) return std::nullopt;
  return StreamCommit{xid, *commit};
}

std::optional<StreamAbort> read_stream_abort(ByteReader bytes) {
  StreamAbort abort;
  abort.xid = bytes.be<std::uint32_t>();
  abort.subxid = bytes.be<std::uint32_t>();
  if (!bytes.at_end()) {
    read_lsn(bytes);
    read_time(bytes);
  }
  if (!whole(bytes)) return std::nullopt;
  return abort;
}

std::optional<Type> read_type(ByteReader bytes) {
  Type type;
  type.oid = bytes.be<std::uint32_t>();
  type.name = bytes.c_string();
  type.name += '.';
  type.name += bytes.c_string();
  if (!whole(bytes)) return std::nullopt;
  return type;
}

std::optional<Relation> read_relation(ByteReader bytes) {
  Relation relation;
  relation.oid = bytes.be<std::uint32_t>();
  relation.schema = bytes.c_string();
  if (relation.schema.empty()) relation.schema = "pg_catalog";
  relation.name = bytes.c_string();
  relation.replica_identity = static_cast<char>(bytes.be<std::uint8_t>());
  auto columns = bytes.be<std::uint16_t>();
  for (int i = 0; i < columns && bytes.ok(); ++i) {
    RelationColumn column;
    column.in_identity = (bytes.be<std::uint8_t>() & 1) != 0;
    column.name = bytes.c_string();
    column.type_oid = bytes.be<std::uint32_t>();
    column.type_modifier = bytes.be<std::int32_t>();
    relation.columns.push_back(std::move(column));
  }
  if (!whole(bytes)) return std::nullopt;
  return relation;
}

bool is_origin(ByteReader bytes) {
  read_lsn(bytes);
  bytes.c_string();
  return whole(bytes);
}

bool is_logical_message(ByteReader bytes) {
  bytes.be<std::uint8_t>();
  read_lsn(bytes);
  bytes.c_string();
  bytes.bytes(bytes.be<std::uint32_t>());
  return whole(bytes);
}

bool read_truncate(ByteReader bytes, std::vector<std::uint32_t>& oids) {
  oids.clear();
  auto count = bytes.be<std::uint32_t>();
  bytes.be<std::uint8_t>();
  if (!bytes.ok() || bytes.left() != std::size_t{count} * sizeof(std::uint32_t)) return false;
  for (std::uint32_t i = 0; i < count; ++i) oids.push_back(bytes.be<std::uint32_t>());
  return true;
}

bool read_row(ByteReader& bytes, std::size_t columns, std::vector<Value>& row) {
  if (bytes.be<std::uint16_t>() != columns) return false;
  row.resize(columns);
  for (Value& value : row) {
    value.bytes = {};
    switch (bytes.be<std::uint8_t>()) {
      case 't':
        value.state = Value::State::text;
        value.bytes = bytes.bytes(bytes.be<std::uint32_t>());
        break;
      case 'n':
        value.state = Value::State::null;
        break;
      case 'u':
        value.state = Value::State::unchanged;
        break;
      // Binary values ('b') come only when they were asked for. Nor does a value come from
      // behind the end, where the reader gives zero.
      default:
        return false;
    }
  }
  return bytes.ok();
}

}  // namespace tailrace::pgoutput
