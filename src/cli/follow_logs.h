#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/admin_client.h"

namespace tailrace::cli {

// One line that a function printed.
struct PrintedLine {
  std::uint64_t number = 0;
  std::string time, request_id, text;
  std::string json;  // as the API gave it
};

// The lines after `after`, waiting up to `wait` for the first.
Result<std::vector<PrintedLine>> printed_lines(AdminClient& client, const std::string& function,
                                               std::uint64_t after, std::chrono::milliseconds wait);

}  // namespace tailrace::cli
