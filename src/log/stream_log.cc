#include "log/stream_log.h"

#include <utility>

#include "log/recovery.h"
#include "log/segmented_log.h"

namespace tailrace::log {

Result<std::unique_ptr<StreamLog>> StreamLog::open(Directory& directory, Options options,
                                                   Clock& clock) {
  auto recovered = recover(directory, options.incarnation);
  if (!recovered)
    return std::move(recovered).error().during("open the log of stream " + options.name);
  return std::unique_ptr<StreamLog>(
      std::make_unique<SegmentedLog>(directory, std::move(options), clock, std::move(*recovered)));
}

}  // namespace tailrace::log
