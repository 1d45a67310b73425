#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/percent_encoding.h"
#include "base/rfc3339.h"
#include "cli/admin_client.h"
#include "cli/commands.h"
#include "cli/record_line.h"
#include "config/quantities.h"

namespace tailrace::cli {
namespace {

struct Options {
  std::string stream;
  std::string from = "latest";
  std::optional<std::int64_t> limit;
  std::string time;
};

// What the API takes: a word, a time, or how long ago.
Result<std::string> starting_point(const std::string& from) {
  if (from == "latest" || from == "trim-horizon" || parse_rfc3339(from)) return from;
  if (auto ago = config::parse_duration(from)) return rfc3339(SystemClock().now() - *ago);
  return Error{Fault::invalid,
               "--from: expected latest, trim-horizon, a time such as 2026-01-31T10:00:00Z or how "
               "long ago such as 10m, found \"" +
                   from + "\""};
}

Outcome tail(Session& session, const Options& options) {
  auto from = starting_point(options.from);
  if (!from) return Outcome::failed(std::move(from).error());
  std::optional<std::chrono::milliseconds> time;
  if (!options.time.empty()) {
    time = config::parse_duration(options.time);
    if (!time)
      return Outcome::failed({Fault::invalid, "--for: expected a duration such as 10s, found \"" +
                                                  options.time + "\""});
  }
  if (options.limit && *options.limit < 1)
    return Outcome::failed({Fault::invalid, "--limit: expected a whole number from 1, found \"" +
                                                std::to_string(*options.limit) + "\""});
  auto client = AdminClient::find(session);
  if (!client) return Outcome::failed(std::move(client).error());

  std::string path =
      "/v1/streams/" + percent_encoded(options.stream) + "/tail?from=" + percent_encoded(*from);
  if (options.limit) path += "&limit=" + std::to_string(*options.limit);
  auto show = [&](std::string_view line) {
    if (session.settings.json) return session.console.print(std::string(line) + "\n");
    TailLine shown = render_tail_line(session.console, line);
    if (!shown.warning.empty()) session.console.warn(shown.warning);
    return shown.record.empty() || session.console.print(shown.record);
  };
  auto ended = client->follow(path, time, show, [&] { return session.console.has_reader(); });
  if (!ended) return Outcome::failed(std::move(ended).error());
  return Outcome::live();
}

}  // namespace

void add_tail(CLI::App& program, Chosen& chosen) {
  auto* command = program.add_subcommand("tail", "Show a stream's records as they arrive");
  auto options = std::make_shared<Options>();
  command->add_option("STREAM", options->stream, "The stream's name")->required();
  command
      ->add_option("--from", options->from,
                   "latest, trim-horizon, an RFC 3339 time, or how long ago (10m)")
      ->capture_default_str();
  command->add_option("--limit", options->limit, "End after this many records");
  command->add_option("--for", options->time, "End after this time (10s)");
  command->callback([&chosen, options] {
    chosen = {"tail", [options](Session& session) { return tail(session, *options); }};
  });
}

}  // namespace tailrace::cli
