#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pgoutput/assembler.h"
#include "record/lsn.h"

// pgoutput messages as a server writes them, for tests. Layouts: pgoutput/message.h.
namespace tailrace::pgoutput::testing {

class MessageWriter {
 public:
  explicit MessageWriter(char type) : bytes_(1, type) {}

  template <typename Integer>
  MessageWriter& be(Integer value) {
    for (int shift = (static_cast<int>(sizeof value) - 1) * 8; shift >= 0; shift -= 8)
      bytes_ += static_cast<char>(static_cast<std::uint64_t>(value) >> shift);
    return *this;
  }
  MessageWriter& byte(char value) { return be<std::uint8_t>(static_cast<std::uint8_t>(value)); }
  MessageWriter& text(std::string_view value) {
    bytes_ += value;
    bytes_ += '\0';
    return *this;
  }
  MessageWriter& raw(std::string_view value) {
    bytes_ += value;
    return *this;
  }
  // The xid that messages have inside a streamed block only.
  MessageWriter& subxid(std::optional<std::uint32_t> xid) {
    if (xid) be<std::uint32_t>(*xid);
    return *this;
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// One column of a row image: text, or one of these.
struct Field {
  char kind = 't';  // t, n, u
  std::string text = {};
  Field(const char* value) : text(value) {}
  Field(std::string value) : text(std::move(value)) {}
  Field(char marker, int) : kind(marker) {}
};
inline const Field null_field{'n', 0};
inline const Field unchanged_field{'u', 0};
using Fields = std::vector<Field>;

inline std::string row_bytes(const Fields& fields) {
  MessageWriter out('x');
  out.be<std::uint16_t>(static_cast<std::uint16_t>(fields.size()));
  for (const Field& field : fields) {
    out.byte(field.kind);
    if (field.kind == 't')
      out.be<std::uint32_t>(static_cast<std::uint32_t>(field.text.size())).raw(field.text);
  }
  return out.take().substr(1);
}

using Subxid = std::optional<std::uint32_t>;

inline std::string begin(Lsn commit, std::int64_t time, std::uint32_t xid) {
  return MessageWriter('B').be(commit.value).be(time).be(xid).take();
}
inline std::string commit(Lsn commit, Lsn end, std::int64_t time) {
  return MessageWriter('C').byte(0).be(commit.value).be(end.value).be(time).take();
}
inline std::string relation(const Relation& relation, Subxid subxid = {}) {
  MessageWriter out('R');
  out.subxid(subxid).be(relation.oid).text(relation.schema).text(relation.name);
  out.byte(relation.replica_identity).be(static_cast<std::uint16_t>(relation.columns.size()));
  for (const RelationColumn& column : relation.columns)
    out.byte(column.in_identity ? 1 : 0)
        .text(column.name)
        .be(column.type_oid)
        .be(column.type_modifier);
  return out.take();
}
inline std::string type(std::uint32_t oid, std::string_view schema, std::string_view name,
                        Subxid subxid = {}) {
  return MessageWriter('Y').subxid(subxid).be(oid).text(schema).text(name).take();
}
inline std::string insert(std::uint32_t oid, const Fields& after, Subxid subxid = {}) {
  return MessageWriter('I').subxid(subxid).be(oid).byte('N').raw(row_bytes(after)).take();
}
// `image`: K or O, what `before` is; 0 without one.
inline std::string update(std::uint32_t oid, char image, const Fields& before, const Fields& after,
                          Subxid subxid = {}) {
  MessageWriter out('U');
  out.subxid(subxid).be(oid);
  if (image != 0) out.byte(image).raw(row_bytes(before));
  return out.byte('N').raw(row_bytes(after)).take();
}
inline std::string remove(std::uint32_t oid, char image, const Fields& before, Subxid subxid = {}) {
  return MessageWriter('D').subxid(subxid).be(oid).byte(image).raw(row_bytes(before)).take();
}
inline std::string truncate(const std::vector<std::uint32_t>& oids, Subxid subxid = {}) {
  MessageWriter out('T');
  out.subxid(subxid).be(static_cast<std::uint32_t>(oids.size())).byte(0);
  for (auto oid : oids) out.be(oid);
  return out.take();
}
inline std::string origin(std::string_view name) {
  return MessageWriter('O').be<std::uint64_t>(1).text(name).take();
}
inline std::string logical_message(std::string_view prefix, std::string_view content,
                                   Subxid subxid = {}) {
  return MessageWriter('M')
      .subxid(subxid)
      .byte(1)
      .be<std::uint64_t>(1)
      .text(prefix)
      .be(static_cast<std::uint32_t>(content.size()))
      .raw(content)
      .take();
}
inline std::string stream_start(std::uint32_t xid, bool first) {
  return MessageWriter('S').be(xid).byte(first ? 1 : 0).take();
}
inline std::string stream_stop() { return "E"; }
inline std::string stream_commit(std::uint32_t xid, Lsn commit, Lsn end, std::int64_t time) {
  return MessageWriter('c').be(xid).byte(0).be(commit.value).be(end.value).be(time).take();
}
inline std::string stream_abort(std::uint32_t xid, std::uint32_t subxid) {
  return MessageWriter('A').be(xid).be(subxid).take();
}
// As with streaming=parallel.
inline std::string stream_abort_with_lsn(std::uint32_t xid, std::uint32_t subxid) {
  return MessageWriter('A').be(xid).be(subxid).be<std::uint64_t>(5).be<std::uint64_t>(6).take();
}

}  // namespace tailrace::pgoutput::testing
