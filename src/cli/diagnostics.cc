#include "cli/diagnostics.h"

#include <spdlog/formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>

#include "base/hex.h"
#include "base/rfc3339.h"

namespace tailrace::cli {
namespace {

const char* name_of_level(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
      return "trace";
    case spdlog::level::debug:
      return "debug";
    case spdlog::level::info:
      return "info";
    case spdlog::level::warn:
      return "warning";
    case spdlog::level::err:
      return "error";
    default:
      return "critical";
  }
}

class LogfmtFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    auto time = std::chrono::time_point_cast<std::chrono::microseconds>(message.time);
    std::string line = "time=" + rfc3339(time) + " level=" + name_of_level(message.level) +
                       " msg=" + logfmt_quoted({message.payload.data(), message.payload.size()}) +
                       "\n";
    out.append(line.data(), line.data() + line.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LogfmtFormatter>();
  }
};

spdlog::level::level_enum level_of(const Settings& settings) {
  if (settings.quiet) return spdlog::level::warn;
  if (settings.verbose >= 2) return spdlog::level::trace;
  return settings.verbose == 1 ? spdlog::level::debug : spdlog::level::info;
}

}  // namespace

std::string logfmt_quoted(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += "\\x" + hex({&c, 1});
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

void send_diagnostics_to_stderr(const Settings& settings) {
  auto logger = std::make_shared<spdlog::logger>("tailrace",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(std::make_unique<LogfmtFormatter>());
  logger->set_level(level_of(settings));
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace tailrace::cli
