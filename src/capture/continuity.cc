#include "capture/continuity.h"

#include <fmt/format.h>

#include <algorithm>

namespace tailrace::capture {
namespace {

// Whether a history that ends there holds all that the stream has. Of a transaction that the stream
// has in part the commit record must be in it.
bool holds(Lsn end, const Position& position) {
  return position.end <= end && (position.commit == Lsn{} || position.commit < end);
}

// The position's timeline becomes the server's, if the one led to the other behind the position.
Result<void> follow_timeline(const TaskSpec& spec, const pg::System& system,
                             pg::Connection& replication, Position& position) {
  if (system.timeline == position.generation.timeline) return {};
  auto history = pg::timeline_history(replication, system.timeline);
  if (!history) return std::move(history).error().during("read the timeline's history");
  auto left = std::find_if(history->begin(), history->end(), [&](const auto& entry) {
    return entry.first == position.generation.timeline;
  });
  if (left == history->end())
    return gap(spec,
               fmt::format("the source is on timeline {}, which does not come from timeline {}",
                           system.timeline, position.generation.timeline));
  if (!holds(left->second, position))
    return gap(spec,
               fmt::format("the source was promoted: its timeline {} left timeline {} at {}, "
                           "but the stream has what came up to {} already, which the new "
                           "primary never saw",
                           system.timeline, position.generation.timeline, to_string(left->second),
                           to_string(std::max(position.end, position.commit))));
  position.generation.timeline = system.timeline;
  return {};
}

}  // namespace

Error gap(const TaskSpec& spec, const std::string& what) {
  return {Fault::gap,
          what +
              ". Changes may be missing, so the task does not go on by itself. Way out: 'tailrace "
              "task reload " +
              spec.name + "' makes a new slot and loads the tables again"};
}

Error slot_in_use(const Error& error, const std::string& slot) {
  return {Fault::unavailable, error.message +
                                  "; if no other client should use it: SELECT "
                                  "pg_terminate_backend(active_pid) FROM pg_replication_slots "
                                  "WHERE slot_name = '" +
                                  slot + "';"};
}

Result<void> check_continuity(const TaskSpec& spec, const std::optional<pg::Slot>& slot,
                              const pg::System& system, pg::Connection& replication,
                              Position& position) {
  if (system.system_id != position.generation.system_id)
    return gap(spec,
               fmt::format("the source is another database cluster (system identifier {}, the "
                           "stream was captured from {})",
                           system.system_id, position.generation.system_id));
  std::uint32_t timeline = position.generation.timeline;
  if (auto followed = follow_timeline(spec, system, replication, position); !followed)
    return followed;
  std::string promoted;
  if (timeline != system.timeline)
    promoted = fmt::format("the source was promoted and is on timeline {} instead of {} now, and ",
                           system.timeline, timeline);
  auto standby = pg::is_standby(replication);
  if (!standby) return std::move(standby).error();
  if (!holds(system.current, position)) {
    if (*standby)
      return Error{Fault::unavailable,
                   fmt::format("the standby has replayed up to {} and the stream is at {} already",
                               to_string(system.current), to_string(position.end))};
    return gap(spec, fmt::format("the source's log ends at {}, before {} which the stream already "
                                 "has: it was restored from an older copy",
                                 to_string(system.current), to_string(position.end)));
  }
  if (!slot)
    return gap(spec, fmt::format("{}replication slot {} is {}; the stream ends at {}{}", promoted,
                                 spec.slot, promoted.empty() ? "gone" : "not there",
                                 to_string(position.end),
                                 promoted.empty() && !*standby
                                     ? ""
                                     : ". A standby has a primary's slots from PostgreSQL 17 on, "
                                       "with sync_replication_slots = on"));
  if (slot->plugin != "pgoutput" || slot->database != system.database)
    return Error{Fault::conflict,
                 fmt::format("replication slot {} is for plugin {} and database {}, the task needs "
                             "pgoutput and {}: choose another name with the task's 'slot' key",
                             spec.slot, slot->plugin, slot->database, system.database)};
  if (*standby && slot->synced)
    return Error{Fault::unavailable,
                 fmt::format("the server is a standby, and its replication slot {} a copy of the "
                             "primary's: the task goes on when the standby is promoted",
                             spec.slot)};
  if (slot->wal_status == "lost" || !slot->invalidation_reason.empty())
    return gap(spec,
               fmt::format("replication slot {} was invalidated by the server ({})", spec.slot,
                           slot->invalidation_reason.empty() ? "its WAL was removed; see "
                                                               "max_slot_wal_keep_size"
                                                             : slot->invalidation_reason));
  if (!slot->confirmed_flush)
    return gap(spec, "replication slot " + spec.slot + " was made anew and is not ready");
  if (*slot->confirmed_flush > position.end)
    return gap(spec, fmt::format("{}replication slot {} was moved to {}, or made anew there, by "
                                 "somebody else; the stream ends at {}",
                                 promoted, spec.slot, to_string(*slot->confirmed_flush),
                                 to_string(position.end)));
  return {};
}

}  // namespace tailrace::capture
