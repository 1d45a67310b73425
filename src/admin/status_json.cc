#include "admin/status_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/rfc3339.h"

namespace tailrace::admin {

using json = nlohmann::ordered_json;

namespace {

json to_json(const Error& error) {
  return {{"fault", name_of(error.fault)}, {"message", error.message}};
}

json to_json(const capture::TableStatus& table) {
  return {{"schema", table.schema},        {"name", table.name},
          {"state", name_of(table.state)}, {"loaded_rows", table.loaded_rows},
          {"inserts", table.inserts},      {"updates", table.updates},
          {"deletes", table.deletes},      {"truncates", table.truncates},
          {"error", table.error}};
}

json to_json(const stream::Shard& shard, Offset first, Offset end) {
  json parents = json::array();
  for (const auto& parent : {shard.parent, shard.adjacent_parent})
    if (parent) parents.push_back(shard_id(*parent));
  json closed = nullptr;
  if (shard.closed_ms) closed = rfc3339(UnixMicros{std::chrono::milliseconds{*shard.closed_ms}});
  return {{"shard_id", shard_id(shard.number)},
          {"first_offset", first},
          {"end_offset", end},
          {"hash_range", {to_string(shard.range.first), to_string(shard.range.last)}},
          {"parents", parents},
          {"closed", closed}};
}

json to_json(const delivery::Deliveries::CursorStatus& cursor) {
  return {{"shard_id", shard_id(cursor.shard)},
          {"next_offset", cursor.next},
          {"end_offset", cursor.end},
          {"lag_ms", cursor.lag_ms},
          {"attempt", cursor.attempt},
          {"last_error", cursor.last_error},
          {"waits_for_parent", cursor.waits_for_parent}};
}

std::string created_text(const stream::StreamSpec& spec) {
  return rfc3339(UnixMicros{std::chrono::seconds{spec.created_seconds}});
}

json broken_stream(const Parts::Broken<stream::StreamSpec>& broken) {
  json shards = json::array();
  for (const stream::Shard& shard : broken.spec.shards) shards.push_back(to_json(shard, 0, 0));
  return {{"name", broken.spec.name},
          {"status", "error"},
          {"error", broken.error.message},
          {"retention_hours", broken.spec.retention.count()},
          {"created", created_text(broken.spec)},
          {"bytes", 0},
          {"records", 0},
          {"fenced", nullptr},
          {"damage", json::array()},
          {"shards", shards}};
}

}  // namespace

json to_json(const capture::TaskStatus& task) {
  json tables = json::array();
  for (const capture::TableStatus& table : task.tables) tables.push_back(to_json(table));
  return {{"name", task.spec.name},
          {"state", name_of(task.state)},
          {"error", task.error ? to_json(*task.error) : json(nullptr)},
          {"warnings", task.warnings},
          {"stream", task.spec.stream},
          {"migration_type", name_of(task.spec.migration_type)},
          {"message_format", name_of(task.spec.message_format)},
          {"durable_lsn", to_string(task.durable)},
          {"server_lsn", to_string(task.server)},
          {"lag_seconds", task.lag_seconds},
          {"retained_wal_bytes", task.retained_bytes},
          {"kept_aside_bytes", task.kept_aside_bytes},
          {"transactions", task.transactions},
          {"changes", task.changes},
          {"bytes", task.bytes},
          {"reconnects", task.reconnects},
          {"tables", tables}};
}

json to_json(stream::Stream& stream) {
  auto spec = stream.spec();
  log::StreamLog& log = stream.log();

  json shards = json::array();
  for (const stream::Shard& shard : stream.shards()) {
    auto horizon = stream.horizon(shard.number);
    shards.push_back(to_json(shard, horizon ? *horizon : log.first_offset(shard.number),
                             stream.latest(shard.number)));
  }
  json damages = json::array();
  for (const log::StreamLog::Damage& damage : log.damage())
    damages.push_back({{"segment", damage.segment},
                       {"file_position", damage.file_position},
                       {"bytes", damage.bytes},
                       {"what", damage.what}});
  auto statistics = log.statistics();
  auto fenced = log.fenced();
  return {{"name", spec->name},
          {"status", fenced ? "fenced" : "active"},
          {"retention_hours", spec->retention.count()},
          {"created", created_text(*spec)},
          {"bytes", statistics.bytes},
          {"records", statistics.records},
          {"fenced", fenced ? json(fenced->message) : json(nullptr)},
          {"damage", damages},
          {"shards", shards}};
}

json to_json(const function::Functions::Status& function) {
  double duration_ms_mean = function.invocations == 0
                                ? 0.0
                                : static_cast<double>(function.duration_micros) / 1000.0 /
                                      static_cast<double>(function.invocations);
  return {{"name", function.spec.name},
          {"runtime", name_of(function.spec.runtime)},
          {"handler", function.spec.handler},
          {"timeout_ms", function.spec.timeout.count()},
          {"memory_mib", function.spec.memory_mib},
          {"workers", function.workers},
          {"busy", function.busy},
          {"invocations", function.invocations},
          {"errors", function.errors},
          {"timeouts", function.timeouts},
          {"crashes", function.crashes},
          {"cold_starts", function.cold_starts},
          {"throttles", function.throttles},
          {"duration_ms_mean", duration_ms_mean},
          {"last_error", function.last_error}};
}

json to_json(const delivery::Deliveries::Status& trigger) {
  json cursors = json::array();
  for (const auto& cursor : trigger.cursors) cursors.push_back(to_json(cursor));
  return {{"name", trigger.spec.name},
          {"id", trigger.spec.id},
          {"stream", trigger.spec.stream},
          {"function", trigger.spec.function},
          {"batch_size", trigger.spec.batch_size},
          {"records", trigger.records},
          {"batches", trigger.batches},
          {"failures", trigger.failures},
          {"parked", trigger.parked},
          {"retired", trigger.retired},
          {"error", trigger.error},
          {"cursors", cursors}};
}

json to_json(const delivery::Parked& parked) {
  return {{"id", parked.id},
          {"trigger", parked.trigger},
          {"stream", parked.stream},
          {"function", parked.function},
          {"shard_id", shard_id(parked.shard)},
          {"first_offset", parked.first},
          {"last_offset", parked.last},
          {"records", parked.records},
          {"attempts", parked.attempts},
          {"time", rfc3339(parked.time)},
          {"error", parked.error}};
}

json tasks_json(Parts& parts) {
  json list = json::array();
  for (const capture::TaskStatus& task : parts.tasks()) list.push_back(to_json(task));
  return list;
}

json streams_json(Parts& parts) {
  json list = json::array();
  for (const auto& stream : parts.streams().all()) list.push_back(to_json(*stream));
  for (const auto& broken : parts.broken_streams()) list.push_back(broken_stream(broken));
  return list;
}

json functions_json(Parts& parts) {
  auto all = parts.functions().status();
  for (auto& broken : parts.broken_functions()) {
    auto running = std::ranges::find(all, broken.spec.name,
                                     [](const auto& status) { return status.spec.name; });
    if (running == all.end()) {
      running = all.emplace(all.end());
      running->spec = std::move(broken.spec);
    }
    running->last_error = std::move(broken.error.message);
  }
  json list = json::array();
  for (const auto& function : all) list.push_back(to_json(function));
  return list;
}

json triggers_json(Parts& parts) {
  auto all = parts.deliveries().status();
  for (auto& broken : parts.broken_triggers()) {
    auto running =
        std::ranges::find(all, broken.spec.id, [](const auto& status) { return status.spec.id; });
    if (running == all.end()) {
      running = all.emplace(all.end());
      running->spec = std::move(broken.spec);
    }
    running->error = std::move(broken.error.message);
  }
  auto broken_functions = parts.broken_functions();
  json list = json::array();
  for (auto& trigger : all) {
    for (const auto& function : broken_functions)
      if (function.spec.name == trigger.spec.function && trigger.error.empty())
        trigger.error = function.error.message;
    list.push_back(to_json(trigger));
  }
  return list;
}

}  // namespace tailrace::admin
