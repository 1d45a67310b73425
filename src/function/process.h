#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace tailrace::function {

// What a worker's process is started with. Nothing of the server's own environment, descriptors or
// signal settings reaches it.
struct Command {
  std::vector<std::string> arguments;    // [0] is the program, an absolute path
  std::vector<std::string> environment;  // "NAME=value"
  std::string folder;                    // working directory
};

// A started process: leader of a session and process group of its own.
struct Process {
  pid_t pid = -1;
  UniqueFd pidfd;   // readable once it ended
  UniqueFd output;  // its stdout and stderr, not blocking
};

// The kernel kills the process when the thread that calls this ends: call it from one that lives as
// long as the server. Fault::invalid names the step that failed.
Result<Process> spawn(const Command& command);

// How it ended, as Lambda words it: empty for exit code 0, else "exit status 3", "signal: killed".
// Leaves it a zombie, so that its pid is not given to another.
std::string ending_of(const Process& process);

// Waits for a process that was killed and forgets it.
void reap(const Process& process);

}  // namespace tailrace::function
