#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <thread>

#include "base/file.h"
#include "cli/admin_client.h"
#include "cli/commands.h"
#include "cli/dev_plan.h"
#include "cli/dev_source.h"
#include "cli/findings.h"
#include "cli/follow_logs.h"
#include "cli/serve.h"
#include "pg/connection.h"

// Capture without a file: everything is made on the way in and taken away on the way out, since a
// forgotten slot holds WAL until the source's disk is full. What a kill leaves is found again by
// the next start, which goes on from there.

namespace tailrace::cli {
namespace {

namespace fs = std::filesystem;

// Beside the data while they are ours to drop.
constexpr const char* own_slot_mark = "slot-is-ours";
constexpr const char* own_publication_mark = "publication-is-ours";

// A stop waits for the request in flight, so it is short.
constexpr std::chrono::milliseconds log_wait{500};

// Prints what the function prints, until asked to stop.
void print_function_output(const std::stop_token& stop, Session& session, AdminClient client) {
  std::uint64_t after = 0;
  while (!stop.stop_requested()) {
    auto lines = printed_lines(client, "dev", after, log_wait);
    if (!lines) {
      if (lines.error().fault == Fault::unavailable) return;  // the server has ended
      std::this_thread::sleep_for(log_wait);
      continue;
    }
    for (const PrintedLine& line : *lines) {
      after = line.number;
      session.console.print(session.settings.json ? line.json + "\n"
                                                  : for_terminal(line.text) + "\n");
    }
  }
}

std::string what_to_try(const config::Config& config) {
  const std::string admin = to_string(config.admin);
  const std::string flag = config.admin == config::Config{}.admin ? "" : " --admin " + admin;
  std::string text =
      "ready; admin API at http://" + admin + ", Ctrl-C ends it. Try in another terminal:\n";
  text += "  tailrace tail dev --from trim-horizon" + flag +
          "    the rows, then each change as it commits\n";
  text += "  tailrace status" + flag + "                          tables, lag, records\n";
  if (!config.declaration.functions.empty())
    text += "  tailrace invoke dev --newest-of dev" + flag +
            "       call the function yourself with the newest record\n";
  text.pop_back();  // the note ends the line
  return text;
}

// Whether the database is fit. Shows what is missing, with the SQL that mends it.
std::optional<Outcome> refuse_unfit(Session& session, const capture::TaskSpec& task) {
  auto findings = capture::preflight(task);
  if (!findings) {
    int code = preflight_exit_code(findings.error().fault);
    return Outcome::failed(code, std::move(findings).error());
  }
  session.console.show(findings_text(session.console, *findings, session.settings.verbose > 0));
  if (!has_errors(*findings)) return std::nullopt;
  Outcome outcome = Outcome::failed(
      exit_environment,
      {Fault::unavailable, "the database is not ready for capture; what is missing stands above"});
  outcome.result = findings_json(*findings);
  return outcome;
}

// Makes the folder, and notes there what on the source is ours: what we found there is not, unless
// an earlier start noted it.
Result<void> claim(const capture::TaskSpec& task, const std::string& folder) {
  auto there = look_at_source(task);
  if (!there) return std::move(there).error();
  std::error_code ignored;
  if (there->slot && !fs::exists(fs::path(folder) / own_slot_mark, ignored))
    return Error{Fault::conflict, "replication slot " + task.slot +
                                      " exists already and is none that this user left here; "
                                      "choose another with --slot NAME, or if nobody needs it: "
                                      "SELECT pg_drop_replication_slot(" +
                                      pg::quote_literal(task.slot) + ");"};
  auto data = DiskDirectory::open_or_create(folder);
  if (!data) return std::move(data).error();
  if (auto marked = replace_file(folder + "/" + own_slot_mark, ""); !marked) return marked;
  if (there->publication) return {};
  return replace_file(folder + "/" + own_publication_mark, "");
}

void clean_up(Session& session, const capture::TaskSpec& task, const std::string& folder) {
  std::error_code ignored;
  bool own_publication = fs::exists(fs::path(folder) / own_publication_mark, ignored);
  auto cleaned = clean_source(task, own_publication);
  if (!cleaned) {
    session.console.warn("slot " + task.slot + " is still there and holds WAL (" +
                         cleaned.error().message +
                         "); run: " + cleaning_sql(task, own_publication));
    return;
  }
  fs::remove_all(folder, ignored);
  session.console.note("slot " + task.slot + " is dropped and " + folder + " removed");
}

Outcome dev(Session& session, const DevRequest& request, bool keep) {
  const std::string folder =
      dev_folder(request, [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        if (!value) return std::nullopt;
        return value;
      });
  auto planned = plan_dev(request, folder);
  if (!planned) return Outcome::failed(std::move(planned).error());
  const config::Config config = *std::move(planned);
  const capture::TaskSpec& task = config.declaration.tasks.front();

  session.console.note("source " + pg::redact_uri(request.uri) + ", data in " + folder);
  if (auto refused = refuse_unfit(session, task)) return *std::move(refused);

  std::error_code ignored;
  const bool first_start = !fs::exists(folder, ignored);
  if (auto claimed = claim(task, folder); !claimed) {
    int code = preflight_exit_code(claimed.error().fault);
    return Outcome::failed(code, std::move(claimed).error());
  }

  std::jthread output;
  bool started = false;
  Outcome outcome = serve(session, config, "", [&] {
    started = true;
    session.console.note(what_to_try(config));
    if (!config.declaration.functions.empty())
      output =
          std::jthread([&session, client = AdminClient(config.admin)](const std::stop_token& stop) {
            print_function_output(stop, session, client);
          });
  });
  if (output.joinable()) {
    output.request_stop();
    output.join();
  }
  if (!started && first_start) fs::remove_all(folder, ignored);
  if (outcome.code != exit_ok) return outcome;
  if (keep)
    session.console.note("kept: slot " + task.slot +
                         " holds WAL until the next start or: " + cleaning_sql(task, false));
  else
    clean_up(session, task, folder);
  return outcome;
}

}  // namespace

void add_dev(CLI::App& program, Chosen& chosen) {
  auto* command =
      program.add_subcommand("dev", "Capture a database right now, without a configuration file");
  struct Options {
    DevRequest request;
    bool keep = false;
  };
  auto options = std::make_shared<Options>();
  DevRequest& request = options->request;
  command->add_option("URI", request.uri, "postgresql://user@host/database")->required();
  command
      ->add_option("--table", request.tables,
                   "Capture this table (SCHEMA.TABLE); may be repeated. Default: all")
      ->allow_extra_args(false);
  command->add_option(
      "--function", request.function,
      "Give each change to this handler (app.py:lambda_handler) and show what it prints");
  command->add_option("--slot", request.slot, "The replication slot and publication")
      ->capture_default_str();
  command->add_option("--listen-admin", request.admin, "Where the admin API listens")
      ->capture_default_str();
  command->add_option("--listen-aws", request.aws, "Where the AWS-shaped APIs listen")
      ->capture_default_str();
  command->add_flag("--keep", options->keep, "Keep slot, publication and data at the end");
  command->callback([&chosen, options] {
    chosen = {"dev", [options](Session& session) {
                return dev(session, options->request, options->keep);
              }};
  });
}

}  // namespace tailrace::cli
