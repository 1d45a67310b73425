#pragma once

#include <chrono>

#include "base/result.h"
#include "log/stream_log.h"

namespace tailrace::capture {

// As StreamLog::wait_durable, but for what survives a power cut as well (StreamLog::synced): what
// is deleted or acknowledged because the log has it must not come back to be missed. Not on the
// log's own thread.
Result<void> wait_synced(log::StreamLog& log, log::StreamLog::Ticket ticket,
                         std::chrono::milliseconds patience);

}  // namespace tailrace::capture
