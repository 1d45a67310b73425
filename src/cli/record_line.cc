#include "cli/record_line.h"

#include <cstdint>
#include <nlohmann/json.hpp>

namespace tailrace::cli {
namespace {

using nlohmann::json;

// The text member, else its base64 form marked as such.
std::string text_of(const json& record, const std::string& name) {
  auto text = record.find(name);
  if (text != record.end() && text->is_string())
    return for_terminal(text->get_ref<const std::string&>());
  auto bytes = record.find(name + "_base64");
  if (bytes != record.end() && bytes->is_string())
    return "base64:" + for_terminal(bytes->get_ref<const std::string&>());
  return "-";
}

// "shardId-000000000007" as "7".
std::string short_shard(const json& record) {
  std::string id = text_of(record, "shard_id");
  std::size_t dash = id.rfind('-');
  if (dash == std::string::npos) return id;
  std::size_t digits = id.find_first_not_of('0', dash + 1);
  return digits == std::string::npos ? "0" : id.substr(digits);
}

std::string number_of(const json& record, const char* name) {
  auto number = record.find(name);
  return number != record.end() && number->is_number() ? number->dump() : "-";
}

// The range without its end, as people count.
std::string skipped_offsets(const json& record) {
  auto offset = record.find("offset"), end = record.find("next_offset");
  if (offset == record.end() || end == record.end() || !offset->is_number_unsigned() ||
      !end->is_number_unsigned())
    return "a part is skipped";
  auto first = offset->get<std::uint64_t>(), next = end->get<std::uint64_t>();
  if (next <= first + 1) return "offset " + std::to_string(first) + " is skipped";
  return "offsets " + std::to_string(first) + " to " + std::to_string(next - 1) + " are skipped";
}

}  // namespace

TailLine render_tail_line(const Console& console, std::string_view json_line) {
  json record = json::parse(json_line, nullptr, false);
  if (!record.is_object()) return {"", "the server sent a line that is no record"};
  if (record.contains("error") && record["error"].is_object()) {
    std::string message = for_terminal(record["error"].value("message", ""));
    return {"", "shard " + short_shard(record) + ", " + skipped_offsets(record) + ": " + message};
  }
  std::string place = text_of(record, "arrival") + "  shard " + short_shard(record) + "  " +
                      number_of(record, "offset");
  return {console.paint(Style::dim, place) + "  " +
              console.paint(Style::bold, text_of(record, "partition_key")) + "  " +
              text_of(record, "data") + "\n",
          ""};
}

}  // namespace tailrace::cli
