#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/human_text.h"
#include "log/stream_log.h"

namespace tailrace::cli {
namespace {

using json = nlohmann::ordered_json;
namespace fs = std::filesystem;

// The folders to check: DIR itself when it is a stream's, else every stream of a data folder.
Result<std::vector<std::string>> stream_folders(const std::string& given) {
  std::error_code failure;
  if (!fs::is_directory(given, failure))
    return Error{Fault::invalid, "there is no folder " + given};
  fs::path streams = fs::path(given) / "streams";
  if (!fs::is_directory(streams, failure)) return std::vector<std::string>{given};
  std::vector<std::string> folders;
  for (const fs::directory_entry& entry : fs::directory_iterator(streams, failure)) {
    if (entry.is_directory()) folders.push_back(entry.path().string());
  }
  if (failure) return Error{Fault::denied, "read " + streams.string() + ": " + failure.message()};
  std::sort(folders.begin(), folders.end());
  return folders;
}

// Whether it lies where a stream's folder does: one may have no segment yet.
bool is_in_data_folder(const std::string& folder) {
  fs::path path = fs::absolute(folder).lexically_normal();
  if (path.filename().empty()) path = path.parent_path();
  return path.parent_path().filename() == "streams";
}

json json_of(const std::string& folder, const log::Verification& found) {
  json damage = json::array();
  for (const auto& part : found.damage)
    damage.push_back({{"segment", part.segment},
                      {"file_position", part.file_position},
                      {"bytes", part.bytes},
                      {"what", part.what}});
  return {{"folder", folder},       {"segments", found.segments},
          {"groups", found.groups}, {"records", found.records},
          {"bytes", found.bytes},   {"torn_bytes", found.torn_bytes},
          {"damage", damage}};
}

std::string text_of(const Console& console, const std::string& folder,
                    const log::Verification& found) {
  if (found.segments == 0)
    return console.paint(Style::bold, folder) + ": empty, nothing was written yet\n";
  std::string out = console.paint(Style::bold, folder) + ": " + counted(found.records, "record") +
                    " in " + counted(found.groups, "group") + ", " +
                    counted(found.segments, "segment") + ", " + human_bytes(found.bytes) + ": " +
                    (found.damage.empty() ? console.paint(Style::green, "ok")
                                          : console.paint(Style::red, "damaged")) +
                    "\n";
  if (found.torn_bytes > 0)
    out += "  " + human_bytes(found.torn_bytes) +
           " at the end are not a whole group: what a crash leaves; cut off at the next start\n";
  for (const auto& part : found.damage)
    out += "  " + part.segment + " at byte " + std::to_string(part.file_position) + ", " +
           human_bytes(part.bytes) + ": " + for_terminal(part.what) + "\n";
  return out;
}

Outcome verify(Session& session, const std::string& given) {
  auto folders = stream_folders(given);
  if (!folders) return Outcome::failed(std::move(folders).error());
  json list = json::array();
  std::size_t damaged = 0;
  for (const std::string& folder : *folders) {
    auto directory = DiskDirectory::open_or_create(folder);
    if (!directory) return Outcome::failed(std::move(directory).error());
    auto found = log::verify(**directory);
    if (!found) return Outcome::failed(std::move(found).error().during(folder));
    if (folder == given && found->segments == 0 && !is_in_data_folder(folder))
      return Outcome::failed({Fault::invalid, given +
                                                  " is neither a data folder nor a stream's folder "
                                                  "inside one: it has no streams and no segment"});
    session.print(text_of(session.console, folder, *found));
    list.push_back(json_of(folder, *found));
    if (!found->damage.empty()) ++damaged;
  }
  if (folders->empty()) session.print("no streams in " + given + "\n");
  Outcome outcome = Outcome::of(list.dump(-1, ' ', false, json::error_handler_t::replace));
  if (damaged > 0) {
    outcome.code = exit_differences;
    outcome.error = Error{Fault::corrupt,
                          std::to_string(damaged) + " of " + std::to_string(folders->size()) +
                              " streams are damaged; the ranges are listed, nothing was changed"};
  }
  return outcome;
}

}  // namespace

void add_log(CLI::App& program, Chosen& chosen) {
  auto* command = program.add_subcommand("log", "Look into the record log on disk");
  command->require_subcommand(1);
  auto* verify_command = command->add_subcommand(
      "verify",
      "Read every byte of a data folder or one stream's folder and check it. Changes nothing");
  verify_command->fallthrough();
  auto folder = std::make_shared<std::string>();
  verify_command->add_option("DIR", *folder, "A data folder, or a stream's folder inside it")
      ->required();
  verify_command->callback([&chosen, folder] {
    chosen = {"log verify", [folder](Session& session) { return verify(session, *folder); }};
  });
}

}  // namespace tailrace::cli
