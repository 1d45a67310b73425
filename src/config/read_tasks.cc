#include <algorithm>
#include <cctype>
#include <map>

#include "config/sections.h"
#include "config/slot_name.h"
#include "rules/mappings.h"

namespace tailrace::config {
namespace {

using capture::MigrationType;
using envelope::Format;
using envelope::PartitionBy;

constexpr std::size_t task_name_max = 40;
constexpr std::size_t publication_name_max = 63;  // PostgreSQL's NAMEDATALEN less its end

bool only(std::string_view text, std::string_view others) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  });
}

// As DMS names tasks, in lower case: the slot's name comes from it.
bool is_task_name(std::string_view name) {
  return !name.empty() && name.size() <= task_name_max && name[0] >= 'a' && name[0] <= 'z' &&
         only(name, "-_") && name.back() != '-' && name.find("--") == std::string_view::npos;
}

std::string default_slot(const std::string& task) {
  std::string slot = "tailrace_" + task;
  std::replace(slot.begin(), slot.end(), '-', '_');
  return slot;
}

// The text with each ${...} as one control character, so that what a variable brings can be told
// from what is written in the file.
std::string with_variables_masked(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t open = text.find("${");
    out += text.substr(0, open);
    std::size_t close = open == std::string_view::npos ? open : text.find('}', open);
    if (close == std::string_view::npos) break;
    out += '\x01';
    text.remove_prefix(close + 1);
  }
  return out;
}

// Whether a password is written in the source itself.
bool holds_literal_password(std::string_view source) {
  const std::string text = with_variables_masked(source);
  auto is_literal = [](std::string_view password) {
    return !password.empty() && password.find('\x01') == std::string_view::npos;
  };
  std::size_t scheme = text.find("://");
  if (scheme != std::string::npos) {
    std::string_view authority = std::string_view(text).substr(scheme + 3);
    authority = authority.substr(0, authority.find_first_of("/?"));
    std::size_t at = authority.rfind('@');
    std::size_t colon = authority.find(':');
    if (at != std::string_view::npos && colon < at &&
        is_literal(authority.substr(colon + 1, at - colon - 1)))
      return true;
  }
  std::size_t word = text.find("password=");
  while (word != std::string::npos && word > 0 &&
         std::isalnum(static_cast<unsigned char>(text[word - 1])))
    word = text.find("password=", word + 1);
  if (word == std::string::npos) return false;
  std::string_view value = std::string_view(text).substr(word + 9);
  return is_literal(value.substr(0, value.find_first_of(" &")));
}

bool looks_like_postgresql(std::string_view source) {
  return source.starts_with("postgresql://") || source.starts_with("postgres://") ||
         (source.find("://") == std::string_view::npos &&
          source.find('=') != std::string_view::npos);
}

void read_source(Reading& reading, Fields& fields, const std::string& task,
                 capture::TaskSpec& spec) {
  fields.require("source");
  auto source = fields.text("source");
  if (!source) return;
  const Node& node = *fields.find("source");
  if (!looks_like_postgresql(*source)) {
    fields.error("source", "expected a PostgreSQL URI such as postgresql://user@host/database");
    return;
  }
  if (holds_literal_password(node.text)) {
    std::string variable =
        default_slot(task).substr(std::string_view("tailrace_").size()) + "_PASSWORD";
    for (char& c : variable) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    reading.warning(node.place, fields.key("source"),
                    "a password is written in this file; use a variable such as ${" + variable +
                        "}, or ${file:/path}");
  }
  spec.source = *std::move(source);
}

void read_names_on_source(Fields& fields, const std::string& task, capture::TaskSpec& spec) {
  spec.slot = default_slot(task);
  if (auto slot = fields.text("slot")) {
    if (!is_slot_name(*slot))
      fields.error("slot", "expected 1 to 63 of a-z, 0-9 and _, found \"" + *slot + "\"");
    spec.slot = *std::move(slot);
  }
  spec.publication = default_slot(task);
  if (auto publication = fields.text("publication")) {
    if (publication->empty() || publication->size() > publication_name_max)
      fields.error("publication", "expected a name of 1 to 63 bytes");
    spec.publication = *std::move(publication);
  }
}

capture::TaskSpec read_task(Reading& reading, const Node::Member& member, const Names& names) {
  const std::string& name = member.key.text;
  capture::TaskSpec spec;
  spec.name = name;
  Fields fields(reading, member.value, "tasks." + name, member.key.place,
                {"source", "migration_type", "table_mappings", "stream", "message_format",
                 "partition_by", "slot", "publication", "load_workers"});
  if (!is_task_name(name))
    reading.error(member.key.place, "tasks." + name,
                  "a task's name is 1 to 40 of a-z, 0-9, - and _, begins with a letter, and has no "
                  "two hyphens in a "
                  "row and none at its end");
  read_source(reading, fields, name, spec);
  if (auto type = fields.choice<MigrationType>(
          "migration_type",
          {{name_of(MigrationType::full_load), MigrationType::full_load},
           {name_of(MigrationType::cdc), MigrationType::cdc},
           {name_of(MigrationType::full_load_and_cdc), MigrationType::full_load_and_cdc}}))
    spec.migration_type = *type;

  const Node* mappings = fields.find("table_mappings");
  spec.table_mappings = mappings
                            ? read_table_mappings(reading, *mappings, fields.key("table_mappings"))
                            : rules::Mappings::everything().json();

  fields.require("stream");
  if (auto stream = fields.text("stream")) {
    check_stream(reading, fields, *stream, names);
    spec.stream = *std::move(stream);
  }
  if (auto format = fields.choice<Format>("message_format",
                                          {{name_of(Format::dms), Format::dms},
                                           {name_of(Format::flat), Format::flat},
                                           {name_of(Format::debezium), Format::debezium},
                                           {name_of(Format::cloudevents), Format::cloudevents}}))
    spec.message_format = *format;
  if (auto by = fields.choice<PartitionBy>(
          "partition_by",
          {{"primary-key", PartitionBy::primary_key}, {"schema-table", PartitionBy::schema_table}}))
    spec.partition_by = *by;
  read_names_on_source(fields, name, spec);
  if (auto workers = fields.whole("load_workers", 1, 16))
    spec.load_workers = static_cast<std::uint32_t>(*workers);
  return spec;
}

}  // namespace

void read_tasks(Reading& reading, const Node& node, const Names& names,
                catalog::Declaration& declaration) {
  std::map<std::string, std::string> task_of_slot;
  for (const Node::Member* member : named_members(reading, node, "tasks", "task")) {
    capture::TaskSpec spec = read_task(reading, *member, names);
    auto [known, is_new] = task_of_slot.emplace(spec.slot, spec.name);
    if (!is_new)
      reading.error(
          member->key.place, "tasks." + spec.name,
          "uses slot " + spec.slot + " as task " + known->second +
              " does; a slot serves one task, give one of them another with the key slot");
    declaration.tasks.push_back(std::move(spec));
  }
}

}  // namespace tailrace::config
