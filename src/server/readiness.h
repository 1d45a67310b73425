#pragma once

#include <vector>

#include "admin/admin.h"

namespace tailrace::server {

// What /readyz says: whether every part does what it is there for, and why one does not. A task
// that was stopped on purpose is no failure.
std::vector<admin::Parts::Check> readiness_of(admin::Parts& parts, bool started);

}  // namespace tailrace::server
