#include "server/declared.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace tailrace::server {
namespace {

// What a running process cannot change.
std::vector<std::string> needs_restart(const config::Config& running,
                                       const config::Config& wanted) {
  std::vector<std::string> sentences;
  if (running.data != wanted.data) sentences.push_back("data: changes with the next start");
  if (running.aws != wanted.aws) sentences.push_back("listen.aws: changes with the next start");
  if (running.admin != wanted.admin)
    sentences.push_back("listen.admin: changes with the next start");
  if (running.tls != wanted.tls) sentences.push_back("listen.tls: changes with the next start");
  if (running.account != wanted.account || running.keys != wanted.keys)
    sentences.push_back("aws: changes with the next start");
  return sentences;
}

std::string text_of(const config::Problem& problem) {
  std::string text = problem.file;
  if (problem.line > 0)
    text += ":" + std::to_string(problem.line) + ":" + std::to_string(problem.column);
  if (!problem.key.empty()) text += ": " + problem.key;
  return text + ": " + problem.message;
}

}  // namespace

Declared::Declared(config::Config config, std::string file, catalog::Catalog& catalog, Clock& clock)
    : config_(std::move(config)), file_(std::move(file)), catalog_(catalog), clock_(clock) {}

Result<std::vector<std::string>> Declared::apply() {
  auto done = catalog::apply(catalog_, config_.declaration, clock_);
  if (!done) return std::move(done).error().during("apply the configuration");
  for (const std::string& sentence : *done) spdlog::info("{}", sentence);
  return done;
}

Result<std::vector<std::string>> Declared::read_again() {
  if (file_.empty())
    return Error{Fault::conflict, "this server was started without a configuration file"};
  auto wanted = load();
  if (!wanted) return std::move(wanted).error();

  auto sentences = needs_restart(config_, *wanted);
  for (const std::string& sentence : sentences) spdlog::warn("{}", sentence);
  auto before = std::exchange(config_.declaration, std::move(wanted->declaration));
  auto done = apply();
  if (!done) {
    config_.declaration = std::move(before);
    return done;
  }
  done->insert(done->begin(), sentences.begin(), sentences.end());
  return done;
}

Result<config::Config> Declared::load() const {
  auto loaded = config::load(file_);
  if (!loaded) return std::move(loaded).error();
  std::string errors;
  for (const config::Problem& problem : loaded->parsed.problems) {
    if (problem.warning)
      spdlog::warn("{}", text_of(problem));
    else
      errors += (errors.empty() ? "" : "\n") + text_of(problem);
  }
  if (!loaded->parsed.config) return Error{Fault::invalid, errors};
  return std::move(*loaded->parsed.config);
}

}  // namespace tailrace::server
