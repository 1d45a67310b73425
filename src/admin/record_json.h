#pragma once

#include <string>
#include <string_view>

#include "base/buffer.h"
#include "base/result.h"
#include "log/stream_log.h"
#include "stream/stream.h"

namespace tailrace::admin {

// A shard's records as JSON objects (docs/admin-api.md), written straight into a buffer: millions
// of records leave through here.
class RecordJson {
 public:
  explicit RecordJson(const stream::Shard& shard);

  void append(Buffer& out, const log::Record& record);

 private:
  void append_arrival(Buffer& out, std::int64_t arrival_ms);

  stream::Shard shard_;
  std::string prefix_;  // {"shard_id":"...","offset":
  std::int64_t arrival_second_ = -1;
  std::string arrival_text_;  // of that second
};

// A place of a shard that cannot be read, and where it can be read again.
struct Unreadable {
  ShardNumber shard = 0;
  Offset from = 0;
  Offset next = 0;
  Error error;
};
void append_unreadable(Buffer& out, const Unreadable& place);

}  // namespace tailrace::admin
