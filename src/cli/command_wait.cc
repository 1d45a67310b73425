#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <chrono>
#include <memory>

#include "base/percent_encoding.h"
#include "cli/admin_client.h"
#include "cli/commands.h"
#include "config/quantities.h"
#include "record/lsn.h"

namespace tailrace::cli {
namespace {

struct Options {
  std::string task, lsn;
  std::string timeout = "30s";
  bool delivered = false;
};

// The server answers in time; this is for one that is busy or gone.
constexpr std::chrono::seconds answer_patience{10};

Outcome wait(Session& session, const Options& options) {
  auto lsn = parse_lsn(options.lsn);
  if (!lsn)
    return Outcome::failed({Fault::invalid, "--lsn: expected an LSN such as 16/B374D848, found \"" +
                                                options.lsn + "\""});
  auto timeout = config::parse_duration(options.timeout);
  if (!timeout)
    return Outcome::failed({Fault::invalid, "--timeout: expected a duration such as 30s, found \"" +
                                                options.timeout + "\""});
  auto client = AdminClient::find(session);
  if (!client) return Outcome::failed(std::move(client).error());

  auto answer = client->get("/v1/tasks/" + percent_encoded(options.task) +
                                "/wait?lsn=" + percent_encoded(to_string(*lsn)) +
                                "&delivered=" + (options.delivered ? "true" : "false") +
                                "&timeout_ms=" + std::to_string(timeout->count()),
                            *timeout + answer_patience);
  if (!answer) return Outcome::failed(std::move(answer).error());
  session.console.note("task " + options.task + ": all before " + to_string(*lsn) + " is " +
                       (options.delivered ? "delivered" : "durable"));
  return Outcome::of(*std::move(answer));
}

}  // namespace

void add_wait(CLI::App& program, Chosen& chosen) {
  auto* command = program.add_subcommand(
      "wait", "Wait until all that committed before an LSN is durable, or delivered");
  auto options = std::make_shared<Options>();
  command->add_option("--task", options->task, "The task's name")->required();
  command
      ->add_option("--lsn", options->lsn,
                   "As PostgreSQL prints it: 16/B374D848 (SELECT pg_current_wal_lsn())")
      ->required();
  command->add_flag("--delivered", options->delivered,
                    "Also wait until every trigger of the stream has handled it");
  command->add_option("--timeout", options->timeout, "Give up after this time")
      ->capture_default_str();
  command->callback([&chosen, options] {
    chosen = {"wait", [options](Session& session) { return wait(session, *options); }};
  });
}

}  // namespace tailrace::cli
