// Any bytes as a configuration: problems may be reported, nothing may break, and each problem must
// be fit to be shown. Variables and files exist only in here.

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "base/utf8.h"
#include "config/config.h"

namespace config = tailrace::config;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view content(reinterpret_cast<const char*>(data), size);
  config::Surroundings surroundings;
  surroundings.variable = [](const std::string& name) -> std::optional<std::string> {
    if (name.size() % 2 == 0) return std::nullopt;
    return name;
  };
  surroundings.read = [](const std::string& path) -> tailrace::Result<std::string> {
    if (path.size() % 2 == 0) return tailrace::Error{tailrace::Fault::not_found, "no such file"};
    return std::string(R"({"rules":[]})");
  };
  surroundings.is_folder = [](const std::string& path) { return path.size() % 2 == 0; };

  config::Parsed parsed = config::parse(content, "/fuzz/tailrace.yaml", surroundings);
  bool has_error = false;
  for (const config::Problem& problem : parsed.problems) {
    has_error |= !problem.warning;
    TAILRACE_CHECK(!problem.message.empty());
    TAILRACE_CHECK(tailrace::is_utf8(problem.message) && tailrace::is_utf8(problem.key));
    TAILRACE_CHECK(!config::render(problem, content).empty());
  }
  TAILRACE_CHECK(parsed.config.has_value() != has_error);
  return 0;
}
