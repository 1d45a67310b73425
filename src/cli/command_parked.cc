#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/admin_client.h"
#include "cli/commands.h"
#include "cli/human_text.h"

namespace tailrace::cli {
namespace {

using nlohmann::json;

std::string text_of(const json& object, const char* name) {
  auto value = object.find(name);
  if (value == object.end() || value->is_null()) return "-";
  return for_terminal(value->is_string() ? value->get<std::string>() : value->dump());
}

// "KeyError: 'id'" of a Lambda error.
std::string short_error(const json& parked) {
  json error = json::parse(parked.value("error", ""), nullptr, false);
  if (!error.is_object()) return text_of(parked, "error");
  return text_of(error, "errorType") + ": " + text_of(error, "errorMessage");
}

Outcome list(Session& session) {
  auto client = AdminClient::find(session);
  if (!client) return Outcome::failed(std::move(client).error());
  auto answer = client->get("/v1/parked");
  if (!answer) return Outcome::failed(std::move(answer).error());
  json parsed = json::parse(*answer, nullptr, false);
  // The list may stand alone or under its name.
  const json& all = parsed.is_object() && parsed.contains("parked") ? parsed["parked"] : parsed;
  TextTable table({{"ID", TextTable::Align::right},
                   {"TIME"},
                   {"TRIGGER"},
                   {"SHARD"},
                   {"RECORDS", TextTable::Align::right},
                   {"ATTEMPTS", TextTable::Align::right},
                   {"ERROR"}});
  for (const json& parked : all) {
    if (!parked.is_object()) continue;
    table.add({text_of(parked, "id"), text_of(parked, "time"), text_of(parked, "trigger"),
               text_of(parked, "shard_id"), text_of(parked, "records"), text_of(parked, "attempts"),
               short_error(parked)});
  }
  session.print(table.empty() ? "nothing is parked\n" : table.text());
  return Outcome::of(*std::move(answer));
}

Outcome show(Session& session, std::uint64_t id) {
  auto client = AdminClient::find(session);
  if (!client) return Outcome::failed(std::move(client).error());
  auto answer = client->get("/v1/parked/" + std::to_string(id));
  if (!answer) return Outcome::failed(std::move(answer).error());
  json parked = json::parse(*answer, nullptr, false);
  if (!parked.is_object())
    return Outcome::failed({Fault::internal, "the server's answer is no JSON object"});
  std::string text;
  for (const char* name : {"id", "trigger", "stream", "function", "shard_id", "first_offset",
                           "last_offset", "records", "attempts", "time", "error"}) {
    text += std::string(name) + std::string(14 - std::string_view(name).size(), ' ') +
            text_of(parked, name) + "\n";
  }
  json event = json::parse(parked.value("event", ""), nullptr, false);
  text += event.is_discarded() ? text_of(parked, "event") + "\n" : event.dump(2) + "\n";
  session.print(text);
  return Outcome::of(*std::move(answer));
}

Outcome redrive(Session& session, std::uint64_t id) {
  auto client = AdminClient::find(session);
  if (!client) return Outcome::failed(std::move(client).error());
  // The function runs meanwhile, 900 s at most.
  auto answer = client->post("/v1/parked/" + std::to_string(id) + "/redrive", "{}",
                             std::chrono::seconds(960));
  if (!answer) return Outcome::failed(std::move(answer).error());
  session.console.note("parked batch " + std::to_string(id) +
                       ": the function took it; it is no longer parked");
  return Outcome::of(*std::move(answer));
}

Outcome discard(Session& session, std::uint64_t id) {
  auto client = AdminClient::find(session);
  if (!client) return Outcome::failed(std::move(client).error());
  auto answer = client->remove("/v1/parked/" + std::to_string(id));
  if (!answer) return Outcome::failed(std::move(answer).error());
  session.console.note("parked batch " + std::to_string(id) + " is forgotten");
  return Outcome::of(*std::move(answer));
}

void add_action(CLI::App& parent, Chosen& chosen, const std::string& action,
                const std::string& description, Outcome (*act)(Session&, std::uint64_t)) {
  auto* command = parent.add_subcommand(action, description);
  command->fallthrough();
  auto id = std::make_shared<std::uint64_t>();
  command->add_option("ID", *id, "As \"tailrace parked list\" shows it")->required();
  command->callback([&chosen, id, action, act] {
    chosen = {"parked " + action, [id, act](Session& session) { return act(session, *id); }};
  });
}

}  // namespace

void add_parked(CLI::App& program, Chosen& chosen) {
  auto* command = program.add_subcommand("parked", "Batches that a function could not handle");
  command->require_subcommand(1);
  auto* list_command = command->add_subcommand("list", "Show all, without their events");
  list_command->fallthrough();
  list_command->callback([&chosen] { chosen = {"parked list", list}; });
  add_action(*command, chosen, "show", "Show one with its error and its event", show);
  add_action(*command, chosen, "redrive",
             "Give it to the function again; when that works it is no longer parked", redrive);
  add_action(*command, chosen, "discard", "Forget it", discard);
}

}  // namespace tailrace::cli
