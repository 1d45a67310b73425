#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <chrono>
#include <memory>

#include "cli/admin_client.h"
#include "cli/commands.h"
#include "cli/follow_logs.h"

namespace tailrace::cli {
namespace {

// One request waits this long for a new line; then it is seen whether anybody still reads.
constexpr std::chrono::seconds wait_once{5};

Outcome logs(Session& session, const std::string& function, bool follow) {
  auto client = AdminClient::find(session);
  if (!client) return Outcome::failed(std::move(client).error());
  std::string json;
  std::uint64_t after = 0;
  for (bool caught_up = false;;) {
    auto lines =
        printed_lines(*client, function, after, caught_up ? wait_once : std::chrono::seconds(0));
    if (!lines) return Outcome::failed(std::move(lines).error());
    caught_up = lines->empty();
    if (caught_up && (!follow || !session.console.has_reader())) break;
    for (const PrintedLine& line : *lines) {
      after = std::max(after, line.number);
      if (session.settings.json && !follow) {
        json += (json.empty() ? "" : ",") + line.json;
        continue;
      }
      std::string place = line.time + (line.request_id.empty() ? "" : "  " + line.request_id);
      bool read = session.console.print(
          session.settings.json ? line.json + "\n"
                                : session.console.paint(Style::dim, for_terminal(place)) + "  " +
                                      for_terminal(line.text) + "\n");
      if (!read) return Outcome::live();
    }
  }
  return session.settings.json && !follow ? Outcome::of("{\"lines\":[" + json + "]}")
                                          : Outcome::live();
}

}  // namespace

void add_logs(CLI::App& program, Chosen& chosen) {
  auto* command = program.add_subcommand("logs", "Show what a function printed");
  struct Options {
    std::string function;
    bool follow = false;
  };
  auto options = std::make_shared<Options>();
  command->add_option("FUNCTION", options->function, "The function's name")->required();
  command->add_flag("-f,--follow", options->follow, "Go on with new lines as they come");
  command->callback([&chosen, options] {
    chosen = {"logs", [options](Session& session) {
                return logs(session, options->function, options->follow);
              }};
  });
}

}  // namespace tailrace::cli
