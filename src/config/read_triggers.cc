#include <map>

#include "base/clock.h"
#include "base/rfc3339.h"
#include "config/sections.h"

namespace tailrace::config {
namespace {

using delivery::TriggerSpec;
using std::chrono::milliseconds;
using std::chrono::seconds;

void read_starting_position(Fields& fields, TriggerSpec& spec) {
  const Node* node = fields.find("starting_position");
  auto text = fields.text("starting_position");
  if (!text) return;
  if (*text == "trim-horizon") {
    spec.start = TriggerSpec::Start::trim_horizon;
  } else if (*text == "latest") {
    spec.start = TriggerSpec::Start::latest;
  } else if (auto time = parse_rfc3339(*text)) {
    spec.start = TriggerSpec::Start::timestamp;
    spec.start_ms = unix_ms(*time);
  } else {
    auto meant = did_you_mean(*text, {"trim-horizon", "latest"});
    fields.error("starting_position",
                 "expected trim-horizon, latest or a time such as 2026-01-31T10:00:00Z, found " +
                     describe(*node) + (meant ? "; did you mean '" + *meant + "'?" : ""));
  }
}

TriggerSpec read_trigger(Reading& reading, const Node& node, const std::string& path,
                         const Names& names) {
  TriggerSpec spec;
  Fields fields(
      reading, node, path, node.place,
      {"stream", "function", "batch_size", "batch_window", "starting_position", "attempts"});
  fields.require("stream");
  if (auto stream = fields.text("stream")) {
    check_stream(reading, fields, *stream, names);
    spec.stream = *std::move(stream);
  }
  fields.require("function");
  if (auto function = fields.text("function")) {
    check_reference(fields, "function", *function, names.functions, "function");
    spec.function = *std::move(function);
  }
  spec.name = spec.stream + "/" + spec.function;
  if (auto size = fields.whole("batch_size", 1, 10'000))
    spec.batch_size = static_cast<std::uint32_t>(*size);
  if (auto window = fields.duration("batch_window", "such as 500ms, from 0s to 300s", seconds(0),
                                    seconds(300)))
    spec.batch_window = *window;
  read_starting_position(fields, spec);
  if (auto attempts = fields.whole("attempts", 1, 10'001))
    spec.attempts_max = static_cast<std::uint32_t>(*attempts);
  return spec;
}

}  // namespace

void read_triggers(Reading& reading, const Node& node, const Names& names,
                   catalog::Declaration& declaration) {
  if (node.kind != Node::Kind::sequence) {
    reading.error(node.place, "triggers", "expected a list of triggers, found " + describe(node));
    return;
  }
  std::map<std::string, int> line_of;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const Node& item = node.items[i];
    const std::string path = "triggers[" + std::to_string(i) + "]";
    if (item.kind != Node::Kind::mapping) {
      reading.error(
          item.place, path,
          "expected a mapping with keys such as stream and function, found " + describe(item));
      continue;
    }
    TriggerSpec spec = read_trigger(reading, item, path, names);
    auto [known, is_new] = line_of.emplace(spec.name, item.place.line);
    if (!is_new && !spec.stream.empty() && !spec.function.empty())
      reading.error(item.place, path,
                    "stream " + spec.stream + " has a trigger for function " + spec.function +
                        " already, in line " + std::to_string(known->second) +
                        "; remove one of the two");
    declaration.triggers.push_back(std::move(spec));
  }
}

}  // namespace tailrace::config
