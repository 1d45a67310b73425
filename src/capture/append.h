#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "log/stream_log.h"
#include "stream/stream.h"

namespace tailrace::capture {

struct AppendHooks {
  // Called while the log has no room, about twice a second. An Error ends the append.
  std::function<Result<void>()> keep_alive;
  // Why nothing can be written now; nothing once it can again.
  std::function<void(std::optional<Error>)> waits = [](std::optional<Error>) {};
};

// Appends, however long the log has no room. The batch is empty afterwards; on an Error it stays.
Result<log::StreamLog::Appended> append_when_there_is_room(const std::string& task,
                                                           log::StreamLog& log, log::Batch& batch,
                                                           const AppendHooks& hooks);
Result<log::StreamLog::Appended> append_when_there_is_room(const std::string& task,
                                                           stream::Stream& stream,
                                                           stream::Batch& batch,
                                                           const AppendHooks& hooks);

}  // namespace tailrace::capture
