#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "load/latencies.h"
#include "load/workload.h"

namespace tailrace::load {

struct Measured {
  Latencies latencies;  // of each request, from its first byte sent to its answer's last
  std::uint64_t records = 0;
  std::uint64_t errors = 0;
  std::string first_error;
  double seconds = 0;  // that were measured
};

// Keeps one request in flight on each of the connections, as clients do that wait for their answer,
// and measures what is answered between warm_up and warm_up + measure. Answers that fail their
// check are counted as errors and not as records.
Measured run_closed_loop(std::uint16_t port, unsigned connections, Clock::duration warm_up,
                         Clock::duration measure,
                         const std::function<std::unique_ptr<Workload>(unsigned)>& workload);

}  // namespace tailrace::load
