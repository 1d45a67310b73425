#include "admin/record_json.h"

#include <charconv>
#include <cstdio>

#include "admin/answer.h"
#include "base/base64.h"
#include "base/json_text.h"
#include "base/rfc3339.h"
#include "base/utf8.h"

namespace tailrace::admin {
namespace {

void append_number(Buffer& out, std::uint64_t number) {
  char* room = out.room(20);
  out.wrote(static_cast<std::size_t>(std::to_chars(room, room + 20, number).ptr - room));
}

// ,"<name>":"text" or, where the bytes are no text, ,"<name>_base64":"..."
void append_text_or_base64(Buffer& out, std::string_view name, std::string_view bytes) {
  out.append(",\"");
  out.append(name);
  if (is_utf8(bytes)) {
    out.append("\":");
    append_json_string(out, bytes);
    return;
  }
  out.append("_base64\":\"");
  append_base64(out, bytes);
  out.append('"');
}

}  // namespace

RecordJson::RecordJson(const stream::Shard& shard)
    : shard_(shard), prefix_("{\"shard_id\":\"" + shard_id(shard.number) + "\",\"offset\":") {}

void RecordJson::append(Buffer& out, const log::Record& record) {
  out.append(prefix_);
  append_number(out, record.offset);
  out.append(",\"sequence_number\":\"");
  out.append(stream::sequence_number(shard_, record.offset, record.arrival_ms));
  out.append('"');
  append_text_or_base64(out, "partition_key", record.partition_key);
  append_arrival(out, record.arrival_ms);
  append_text_or_base64(out, "data", record.payload);
  out.append('}');
}

void RecordJson::append_arrival(Buffer& out, std::int64_t arrival_ms) {
  // Neighbours mostly arrived in the same second.
  std::int64_t second = arrival_ms / 1000;
  if (second != arrival_second_) {
    arrival_text_ = rfc3339(UnixMicros{std::chrono::seconds{second}});
    arrival_text_.resize(arrival_text_.size() - 4);  // without "000Z"
    arrival_second_ = second;
  }
  auto millis = static_cast<unsigned>(arrival_ms % 1000);
  const char digits[] = {static_cast<char>('0' + millis / 100),
                         static_cast<char>('0' + millis / 10 % 10),
                         static_cast<char>('0' + millis % 10)};
  out.append(",\"arrival\":\"");
  out.append(arrival_text_);
  out.append({digits, sizeof digits});
  out.append("Z\"");
}

void append_unreadable(Buffer& out, const Unreadable& place) {
  // {"error":{...}} goes on with where.
  std::string error = response_of(place.error).body;
  error.pop_back();
  out.append(error);
  out.append(",\"shard_id\":\"" + shard_id(place.shard) + "\",\"offset\":");
  append_number(out, place.from);
  out.append(",\"next_offset\":");
  append_number(out, place.next);
  out.append('}');
}

}  // namespace tailrace::admin
