#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/byte_reader.h"
#include "base/clock.h"
#include "pgoutput/assembler.h"
#include "record/change.h"
#include "record/lsn.h"

// The layouts of pgoutput's messages. A reader here stands behind the type byte, and for a message
// inside a streamed block behind the subtransaction's xid. Numbers are big-endian, a string ends
// with a NUL. Nothing is given when the bytes end early, go on too long or make no sense.
//
//   B  Begin          commit LSN 8, time 8, xid 4
//   C  Commit         flags 1, commit LSN 8, end LSN 8, time 8
//   O  Origin         LSN 8, name
//   M  Message        flags 1, LSN 8, prefix, length 4, bytes
//   R  Relation       oid 4, schema, name, identity 1, columns 2,
//                     each: flags 1, name, type oid 4, modifier 4
//   Y  Type           oid 4, schema, name
//   I  Insert         oid 4, 'N', row
//   U  Update         oid 4, optional ('K' or 'O', row), 'N', row
//   D  Delete         oid 4, 'K' or 'O', row
//   T  Truncate       count 4, flags 1, oid 4 * count
//   S  Stream Start   xid 4, first block 1
//   E  Stream Stop    nothing
//   c  Stream Commit  xid 4, flags 1, commit LSN 8, end LSN 8, time 8
//   A  Stream Abort   xid 4, subtransaction's xid 4, and with streaming=parallel LSN 8, time 8
//
//   row: columns 2, each: 'n' null, 'u' unchanged TOAST, 't' length 4 + text
namespace tailrace::pgoutput {

struct Begin {
  Lsn commit;
  UnixMicros time;
  std::uint32_t xid = 0;
};
std::optional<Begin> read_begin(ByteReader bytes);

struct Commit {
  Lsn commit, end;
  UnixMicros time;
};
std::optional<Commit> read_commit(ByteReader bytes);

struct StreamStart {
  std::uint32_t xid = 0;
  bool first_block = false;
};
std::optional<StreamStart> read_stream_start(ByteReader bytes);

struct StreamCommit {
  std::uint32_t xid = 0;
  Commit commit;
};
std::optional<StreamCommit> read_stream_commit(ByteReader bytes);

struct StreamAbort {
  std::uint32_t xid = 0;
  std::uint32_t subxid = 0;  // the same as xid: the whole transaction
};
std::optional<StreamAbort> read_stream_abort(ByteReader bytes);

struct Type {
  std::uint32_t oid = 0;
  std::string name;  // "public.mood", ".int4"
};
std::optional<Type> read_type(ByteReader bytes);

// Without the columns' user types, which Type messages tell.
std::optional<Relation> read_relation(ByteReader bytes);

// Origin and Message carry nothing that a capture needs; their form is checked all the same.
bool is_origin(ByteReader bytes);
bool is_logical_message(ByteReader bytes);

// The tables' oids, into `oids`, whose room is used again.
bool read_truncate(ByteReader bytes, std::vector<std::uint32_t>& oids);

// One row image of exactly `columns` values, into `row`, whose room is used again. The reader
// moves behind it.
bool read_row(ByteReader& bytes, std::size_t columns, std::vector<Value>& row);

}  // namespace tailrace::pgoutput
