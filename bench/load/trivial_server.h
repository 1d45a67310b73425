#pragma once

#include <cstdint>

namespace tailrace::load {

// Answers every HTTP/1.1 request on 127.0.0.1 with 200 and one sequence number, keeping nothing:
// what the generator reaches against it is the most that it can reach on this machine. Runs until
// the process is killed.
[[noreturn]] void serve_trivially(std::uint16_t port);

}  // namespace tailrace::load
