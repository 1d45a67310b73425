#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/session.h"
#include "config/config.h"

namespace tailrace::cli {

// Speaks the admin API (docs/admin-api.md). Errors of the API come back with their own fault and
// message; Fault::unavailable when no server answers. One thread.
class AdminClient {
 public:
  explicit AdminClient(config::Endpoint server) : server_(std::move(server)) {}
  // The server that the session's settings name.
  static Result<AdminClient> find(const Session& session);

  // The answer's body, JSON. `patience`: how long the answer may take.
  Result<std::string> get(const std::string& path,
                          std::chrono::milliseconds patience = std::chrono::seconds(30));
  Result<std::string> post(const std::string& path, const std::string& body = "{}",
                           std::chrono::milliseconds patience = std::chrono::seconds(60));
  Result<std::string> remove(const std::string& path);

  // Hands over each line of a live answer as it arrives, until `take` returns false, `wanted`
  // (asked about once a second) does, the server ends it or the time is over (no error).
  Result<void> follow(const std::string& path, std::optional<std::chrono::milliseconds> time,
                      const std::function<bool(std::string_view line)>& take,
                      const std::function<bool()>& wanted);

 private:
  Result<std::string> exchange(const char* method, const std::string& path, const std::string* body,
                               std::chrono::milliseconds patience);

  config::Endpoint server_;
};

}  // namespace tailrace::cli
