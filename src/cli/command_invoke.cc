#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/percent_encoding.h"
#include "cli/admin_client.h"
#include "cli/commands.h"
#include "cli/human_text.h"
#include "cli/newest_record.h"

namespace tailrace::cli {
namespace {

using nlohmann::json;

struct InvokeRequest {
  std::string function;
  std::string event = "{}";
  std::string newest_of;  // a stream
};

// The event itself, the name of its file (also as curl takes it: @FILE), or - for standard input.
Result<std::string> read_event(const std::string& given) {
  std::string event = given;
  if (given == "-") {
    event.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else if (!json::accept(given)) {
    // What begins as JSON and is none is no file's name either.
    if (given.starts_with('{') || given.starts_with('['))
      return Error{Fault::invalid, "--event: not valid JSON: " + given};
    auto content = read_file(given.substr(given.starts_with('@') ? 1 : 0));
    if (!content)
      return Error{Fault::invalid, "--event: neither JSON nor a file: " + content.error().message};
    event = *std::move(content);
  }
  if (!json::accept(event))
    return Error{Fault::invalid, "--event: " + given + " holds no valid JSON"};
  return event;
}

Outcome invoke(Session& session, const InvokeRequest& request) {
  const std::string& function = request.function;
  auto client = AdminClient::find(session);
  if (!client) return Outcome::failed(std::move(client).error());
  auto event = request.newest_of.empty() ? read_event(request.event)
                                         : event_of_newest_record(*client, request.newest_of);
  if (!event) return Outcome::failed(std::move(event).error());
  // A function runs 900 s at most; its worker may have to start first.
  auto answer = client->post("/v1/functions/" + percent_encoded(function) + "/invoke", *event,
                             std::chrono::seconds(960));
  if (!answer) return Outcome::failed(std::move(answer).error());
  json result = json::parse(*answer, nullptr, false);
  if (!result.is_object())
    return Outcome::failed({Fault::internal, "the server's answer is no JSON object"});

  std::string outcome_word = result.value("outcome", "");
  bool failed = outcome_word != "ok";
  if (!session.settings.json && (failed || session.settings.verbose > 0)) {
    std::string log = result.value("log_tail", "");
    if (!log.empty()) session.console.show(log.ends_with('\n') ? log : log + "\n");
  }
  session.print(result.value("payload", "") + "\n");
  session.console.note("request " + result.value("request_id", "") + ", " +
                       human_duration(std::chrono::milliseconds(
                           static_cast<std::int64_t>(result.value("duration_ms", 0.0)))));
  Outcome outcome = Outcome::of(*std::move(answer));
  if (failed) {
    outcome.code = exit_failed;
    outcome.error = Error{Fault::internal, "function " + function + ": " + outcome_word};
  }
  return outcome;
}

}  // namespace

void add_invoke(CLI::App& program, Chosen& chosen) {
  auto* command =
      program.add_subcommand("invoke", "Call a function with an event and print its answer");
  auto options = std::make_shared<InvokeRequest>();
  command->add_option("FUNCTION", options->function, "The function's name")->required();
  auto* event = command
                    ->add_option("--event", options->event,
                                 "JSON, the name of a file with it, or - for standard input")
                    ->capture_default_str();
  command
      ->add_option("--newest-of", options->newest_of,
                   "Call it with the newest record of this stream, as a trigger would")
      ->excludes(event);
  command->callback([&chosen, options] {
    chosen = {"invoke", [options](Session& session) { return invoke(session, *options); }};
  });
}

}  // namespace tailrace::cli
