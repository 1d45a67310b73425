#pragma once

#include <string>

#include "base/result.h"
#include "capture/task.h"

namespace tailrace::cli {

// What "tailrace dev" leaves on the source, and how it takes it away again.

struct OnSource {
  bool slot = false;
  bool publication = false;
};
// What of the task's names the source has.
Result<OnSource> look_at_source(const capture::TaskSpec& task);

// Drops the slot, once its reader is gone, and the publication if asked.
Result<void> clean_source(const capture::TaskSpec& task, bool with_publication);

// The same as SQL for a person.
std::string cleaning_sql(const capture::TaskSpec& task, bool with_publication);

}  // namespace tailrace::cli
