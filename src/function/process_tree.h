#pragma once

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace tailrace::function {

// A worker may fork, fork twice, and start sessions of its own. Its processes are found again in
// three ways: they are in its session, they descend from one that is, or, reparented to us because
// we are the subreaper, they carry the worker's mark in the environment they were started with.

struct ProcessInfo {
  pid_t pid = 0, parent = 0, session = 0;
  bool ended = false;  // a zombie
  std::uint64_t resident_bytes = 0;
};

// Every process of the machine that /proc shows.
std::vector<ProcessInfo> all_processes();

// The worker's processes, ended ones included.
std::vector<ProcessInfo> tree_of(pid_t leader, const std::string& mark,
                                 const std::vector<ProcessInfo>& all);

// Kills until none but the leader's zombie is left; that one keeps the pid from being reused until
// the caller reaps it. False when some would not die in a second.
bool kill_tree(pid_t leader, const std::string& mark);

// Ends and reaps what was reparented to us and belongs to no living worker.
// Living workers are told by their leaders and marks; a mark that does not begin with `instance` is
// another platform's in this process. Says how many it found; the killed ones are reaped next time.
std::size_t clear_orphans(const std::string& instance, const std::set<pid_t>& leaders,
                          const std::set<std::string>& marks, const std::vector<ProcessInfo>& all);

// Kills what carries one of these marks, whoever its parent is now: what outlived a server that was
// killed itself. False when some would not die in a second.
bool kill_marked(const std::set<std::string>& marks);

// Makes orphans of workers children of this process instead of init's.
void become_subreaper();

// What /proc/PID/statm calls resident; 0 when the process is gone.
std::uint64_t resident_bytes_of(pid_t pid);

// The environment variable that carries the mark.
inline constexpr const char* mark_name = "TAILRACE_WORKER";

}  // namespace tailrace::function
