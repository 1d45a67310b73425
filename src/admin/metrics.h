#pragma once

#include <string>

#include "admin/admin.h"

namespace tailrace::admin {

// All that is counted, in Prometheus's text format (docs/metrics.md lists it). Labels are names
// out of the configuration, never anything that comes with the data.
std::string metrics_text(Parts& parts);

}  // namespace tailrace::admin
