#include "capture/append.h"

#include <spdlog/spdlog.h>

#include <chrono>

namespace tailrace::capture {
namespace {

using Appended = log::StreamLog::Appended;

// How long to wait before the hooks are called.
constexpr std::chrono::milliseconds append_patience{500};

template <typename Append>
Result<Appended> insist(const std::string& task, log::StreamLog& log, const AppendHooks& hooks,
                        Append append) {
  bool told = false;
  for (;;) {
    auto appended = append(append_patience);
    if (appended) {
      if (told) {
        spdlog::info("task={} the log takes records again", task);
        hooks.waits(std::nullopt);
      }
      return appended;
    }
    Error why = std::move(appended).error();
    if (why.fault != Fault::unavailable && why.fault != Fault::full) return why;
    if (!told && why.fault == Fault::full) {
      spdlog::error("task={} waits: {}", task, why.message);
      hooks.waits(why);
      told = true;
    }
    if (auto alive = hooks.keep_alive(); !alive) return std::move(alive).error();
    // A full log refuses at once. What it took before becomes durable first when there is room.
    if (why.fault == Fault::full) (void)log.wait_durable(log.durable() + 1, append_patience);
  }
}

}  // namespace

Result<Appended> append_when_there_is_room(const std::string& task, log::StreamLog& log,
                                           log::Batch& batch, const AppendHooks& hooks) {
  return insist(task, log, hooks, [&](auto patience) { return log.append(batch, patience); });
}

Result<Appended> append_when_there_is_room(const std::string& task, stream::Stream& stream,
                                           stream::Batch& batch, const AppendHooks& hooks) {
  return insist(task, stream.log(), hooks,
                [&](auto patience) { return stream.append(batch, patience); });
}

}  // namespace tailrace::capture
