#include "cli/status_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/human_text.h"
#include "cli/json_list.h"

namespace tailrace::cli {
namespace {

using nlohmann::json;
using Align = TextTable::Align;

// Absent, null and empty are all "nothing to show".
std::string text_of(const json& object, const char* name) {
  auto value = object.find(name);
  if (value == object.end() || value->is_null()) return "-";
  std::string text = value->is_string() ? value->get<std::string>() : value->dump();
  return text.empty() ? "-" : for_terminal(text);
}

std::uint64_t number_of(const json& object, const char* name) {
  auto value = object.find(name);
  if (value == object.end() || !value->is_number()) return 0;
  double number = value->get<double>();
  return number <= 0 ? 0 : static_cast<std::uint64_t>(number);
}

// "full: the disk has no room" of an error object, the text of one that is text, else nothing.
std::string error_of(const json& object, const char* name) {
  auto value = object.find(name);
  if (value == object.end()) return {};
  if (value->is_string()) return for_terminal(value->get<std::string>());
  if (!value->is_object()) return {};
  return text_of(*value, "fault") + ": " + text_of(*value, "message");
}

std::string seconds_of(const json& object, const char* name) {
  auto value = object.find(name);
  if (value == object.end() || !value->is_number()) return "-";
  return human_duration(
      std::chrono::milliseconds(static_cast<std::int64_t>(value->get<double>() * 1000)));
}

// What is wrong, below the table it belongs to.
class Notes {
 public:
  explicit Notes(const Console& console) : console_(console) {}
  void error(const std::string& of, const std::string& text) {
    if (!text.empty() && text != "-")
      text_ += console_.paint(Style::red, "  " + of + ": ") + text + "\n";
  }
  void warning(const std::string& of, const std::string& text) {
    text_ += console_.paint(Style::yellow, "  " + of + ": ") + text + "\n";
  }
  // Each text once, below the others, with all that it is about.
  void shared_warnings(const std::vector<std::pair<std::string, std::string>>& all) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      auto is_same = [&](const auto& other) { return other.second == all[i].second; };
      if (std::any_of(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(i), is_same)) continue;
      std::string of;
      for (const auto& [name, text] : all)
        if (text == all[i].second) of += (of.empty() ? "" : ", ") + name;
      warning(of, all[i].second);
    }
  }
  const std::string& text() const { return text_; }

 private:
  const Console& console_;
  std::string text_;
};

std::string tasks_text(const Console& console, const json& tasks) {
  TextTable table({{"TASK"},
                   {"STATE"},
                   {"STREAM"},
                   {"TABLES", Align::right},
                   {"CHANGES", Align::right},
                   {"LAG", Align::right},
                   {"WAL HELD", Align::right},
                   {"DURABLE LSN"}});
  Notes notes(console);
  std::vector<std::pair<std::string, std::string>> warnings;
  for (const json& task : tasks) {
    const std::string name = text_of(task, "name");
    table.add({name, text_of(task, "state"), text_of(task, "stream"),
               human_count(list_of(task, "tables").size()), human_count(number_of(task, "changes")),
               seconds_of(task, "lag_seconds"), human_bytes(number_of(task, "retained_wal_bytes")),
               text_of(task, "durable_lsn")});
    notes.error(name, error_of(task, "error"));
    for (const json& warning : list_of(task, "warnings"))
      if (warning.is_string())
        warnings.emplace_back(name, for_terminal(warning.get<std::string>()));
    for (const json& captured : list_of(task, "tables"))
      notes.error(text_of(captured, "schema") + "." + text_of(captured, "name"),
                  error_of(captured, "error"));
  }
  notes.shared_warnings(warnings);
  return table.text() + notes.text();
}

std::string streams_text(const Console& console, const json& streams) {
  TextTable table({{"STREAM"},
                   {"STATUS"},
                   {"SHARDS", Align::right},
                   {"RECORDS", Align::right},
                   {"SIZE", Align::right},
                   {"RETENTION", Align::right}});
  Notes notes(console);
  for (const json& stream : streams) {
    const std::string name = text_of(stream, "name");
    const json& shards = list_of(stream, "shards");
    auto open = std::ranges::count_if(
        shards, [](const json& shard) { return shard.value("closed", json()).is_null(); });
    table.add({name, text_of(stream, "status"), human_count(static_cast<std::uint64_t>(open)),
               human_count(number_of(stream, "records")), human_bytes(number_of(stream, "bytes")),
               std::to_string(number_of(stream, "retention_hours")) + " h"});
    notes.error(name, error_of(stream, "fenced"));
    notes.error(name, error_of(stream, "error"));
    for (const json& damage : list_of(stream, "damage"))
      notes.error(name, text_of(damage, "segment") + ": " + text_of(damage, "what"));
  }
  return table.text() + notes.text();
}

std::string functions_text(const Console& console, const json& functions) {
  TextTable table({{"FUNCTION"},
                   {"RUNTIME"},
                   {"WORKERS", Align::right},
                   {"BUSY", Align::right},
                   {"INVOCATIONS", Align::right},
                   {"ERRORS", Align::right},
                   {"MEAN", Align::right}});
  Notes notes(console);
  for (const json& function : functions) {
    const std::string name = text_of(function, "name");
    std::uint64_t failed = number_of(function, "errors") + number_of(function, "timeouts") +
                           number_of(function, "crashes");
    table.add({name, text_of(function, "runtime"), human_count(number_of(function, "workers")),
               human_count(number_of(function, "busy")),
               human_count(number_of(function, "invocations")), human_count(failed),
               std::to_string(number_of(function, "duration_ms_mean")) + " ms"});
    notes.error(name, error_of(function, "error"));
    notes.error(name, error_of(function, "last_error"));
  }
  return table.text() + notes.text();
}

std::string triggers_text(const Console& console, const json& triggers) {
  TextTable table({{"TRIGGER"},
                   {"RECORDS", Align::right},
                   {"BATCHES", Align::right},
                   {"FAILURES", Align::right},
                   {"PARKED", Align::right},
                   {"BEHIND", Align::right},
                   {"LAG", Align::right}});
  Notes notes(console);
  for (const json& trigger : triggers) {
    const std::string name = text_of(trigger, "name");
    std::uint64_t behind = 0, lag_ms = 0;
    for (const json& cursor : list_of(trigger, "cursors")) {
      std::uint64_t next = number_of(cursor, "next_offset"), end = number_of(cursor, "end_offset");
      if (end > next) behind += end - next;
      lag_ms = std::max(lag_ms, number_of(cursor, "lag_ms"));
      if (number_of(cursor, "attempt") > 1)
        notes.warning(name, text_of(cursor, "shard_id") + ": attempt " +
                                text_of(cursor, "attempt") + " after " +
                                text_of(cursor, "last_error"));
    }
    table.add({name, human_count(number_of(trigger, "records")),
               human_count(number_of(trigger, "batches")),
               human_count(number_of(trigger, "failures")),
               human_count(number_of(trigger, "parked")), human_count(behind),
               human_duration(std::chrono::milliseconds(lag_ms))});
    notes.error(name, error_of(trigger, "error"));
  }
  return table.text() + notes.text();
}

}  // namespace

std::string status_text(const Console& console, std::string_view status_json) {
  json status = json::parse(status_json, nullptr, false);
  if (!status.is_object()) return "the server's answer is no JSON object\n";
  std::string text = console.paint(Style::bold, "tailrace " + text_of(status, "version")) +
                     "  up since " + text_of(status, "started") + "  data " +
                     text_of(status, "data") + "\n";
  for (const std::string& part : {tasks_text(console, list_of(status, "tasks")),
                                  streams_text(console, list_of(status, "streams")),
                                  functions_text(console, list_of(status, "functions")),
                                  triggers_text(console, list_of(status, "triggers"))}) {
    if (!part.empty()) text += "\n" + part;
  }
  return text;
}

}  // namespace tailrace::cli
