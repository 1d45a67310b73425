#include "cli/follow_logs.h"

#include <nlohmann/json.hpp>

#include "base/percent_encoding.h"
#include "cli/console.h"

namespace tailrace::cli {
namespace {

// A page; the server keeps a few thousand lines.
constexpr int lines_max = 1000;

}  // namespace

Result<std::vector<PrintedLine>> printed_lines(AdminClient& client, const std::string& function,
                                               std::uint64_t after,
                                               std::chrono::milliseconds wait) {
  auto answer = client.get(
      "/v1/functions/" + percent_encoded(function) + "/logs?after=" + std::to_string(after) +
          "&limit=" + std::to_string(lines_max) + "&wait_ms=" + std::to_string(wait.count()),
      wait + std::chrono::seconds(30));
  if (!answer) return std::move(answer).error();
  auto parsed = nlohmann::json::parse(*answer, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("lines") || !parsed["lines"].is_array())
    return Error{Fault::internal, "the server's answer has no lines"};
  std::vector<PrintedLine> lines;
  for (const auto& line : parsed["lines"]) {
    if (!line.is_object() || !line.contains("number") || !line["number"].is_number_unsigned())
      continue;
    auto text_of = [&](const char* name) {
      auto value = line.find(name);
      return value != line.end() && value->is_string() ? value->get<std::string>() : std::string();
    };
    lines.push_back({line["number"].get<std::uint64_t>(), text_of("time"), text_of("request_id"),
                     text_of("text"), line.dump()});
  }
  return lines;
}

}  // namespace tailrace::cli
