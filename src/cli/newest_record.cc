#include "cli/newest_record.h"

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/percent_encoding.h"
#include "base/rfc3339.h"
#include "cli/json_list.h"
#include "record/account.h"

namespace tailrace::cli {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

Result<json> ask(AdminClient& client, const std::string& path) {
  auto answer = client.get(path);
  if (!answer) return std::move(answer).error();
  json parsed = json::parse(*answer, nullptr, false);
  if (!parsed.is_object())
    return Error{Fault::internal, "the server's answer to " + path + " is no JSON object"};
  return parsed;
}

// A text, or bytes that are none and so stand there in base64.
std::string bytes_of(const json& record, const std::string& name) {
  if (record.contains(name)) return record.value(name, "");
  return from_base64(record.value(name + "_base64", "")).value_or("");
}

}  // namespace

Result<std::string> event_of_newest_record(AdminClient& client, const std::string& stream) {
  const std::string path = "/v1/streams/" + percent_encoded(stream);
  auto described = ask(client, path);
  if (!described) return std::move(described).error();
  json newest;
  for (const json& shard : list_of(*described, "shards")) {
    auto end = shard.value("end_offset", std::uint64_t{0});
    if (end == shard.value("first_offset", std::uint64_t{0})) continue;
    auto page =
        ask(client, path + "/records?shard=" + percent_encoded(shard.value("shard_id", "")) +
                        "&offset=" + std::to_string(end - 1) + "&limit=1");
    if (!page) return std::move(page).error();
    for (const json& record : list_of(*page, "records"))
      if (newest.is_null() || newest.value("arrival", "") < record.value("arrival", ""))
        newest = record;
  }
  if (newest.is_null()) return Error{Fault::not_found, "stream " + stream + " has no record yet"};
  return kinesis_event(newest, stream).dump(-1, ' ', false, json::error_handler_t::replace);
}

ordered_json kinesis_event(const json& record, const std::string& stream) {
  const Account account;
  const std::string sequence_number = record.value("sequence_number", "");
  auto arrival = parse_rfc3339(record.value("arrival", "")).value_or(UnixMicros{});
  std::chrono::duration<double> seconds = arrival.time_since_epoch();
  return {{"Records",
           {{{"kinesis",
              {{"kinesisSchemaVersion", "1.0"},
               {"partitionKey", bytes_of(record, "partition_key")},
               {"sequenceNumber", sequence_number},
               {"data", base64(bytes_of(record, "data"))},
               {"approximateArrivalTimestamp", seconds.count()}}},
             {"eventSource", "aws:kinesis"},
             {"eventVersion", "1.0"},
             {"eventID", record.value("shard_id", "") + ":" + sequence_number},
             {"eventName", "aws:kinesis:record"},
             {"invokeIdentityArn", "arn:aws:iam::" + account.id + ":role/tailrace"},
             {"awsRegion", account.region},
             {"eventSourceARN", stream_arn(account, stream)}}}}};
}

}  // namespace tailrace::cli
