#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "capture/task.h"
#include "pg/catalog_queries.h"
#include "pg/connection.h"
#include "record/position.h"

namespace tailrace::capture {

// Changes may be missing: the task stops, and the message has the way out.
Error gap(const TaskSpec& spec, const std::string& what);

// A conflict over the slot, with the way out. Most often our own last walsender has it, which the
// server has not noticed to be gone: try again.
Error slot_in_use(const Error& error, const std::string& slot);

// Whether the source is still the one that the position is of, and the slot holds everything from
// there on. Any doubt is a Fault::gap whose message has the ways out: nothing is ever skipped in
// silence. Fault::unavailable: a standby that has not come so far or was not promoted yet. Moves
// the position's timeline on when the server was promoted behind it.
Result<void> check_continuity(const TaskSpec& spec, const std::optional<pg::Slot>& slot,
                              const pg::System& system, pg::Connection& replication,
                              Position& position);

}  // namespace tailrace::capture
