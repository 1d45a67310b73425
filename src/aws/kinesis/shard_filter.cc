#include "aws/kinesis/shard_filter.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "aws/kinesis/names.h"
#include "base/whole_number.h"

namespace tailrace::aws::kinesis {
namespace {

using Type = ShardFilter::Type;

constexpr std::array<std::pair<std::string_view, Type>, 6> types{{
    {"AFTER_SHARD_ID", Type::after_shard_id},
    {"AT_TRIM_HORIZON", Type::at_trim_horizon},
    {"FROM_TRIM_HORIZON", Type::from_trim_horizon},
    {"AT_LATEST", Type::at_latest},
    {"AT_TIMESTAMP", Type::at_timestamp},
    {"FROM_TIMESTAMP", Type::from_timestamp},
}};

std::optional<Type> type_named(std::string_view name) {
  for (const auto& [known, type] : types)
    if (known == name) return type;
  return std::nullopt;
}

bool by_time(Type type) { return type == Type::at_timestamp || type == Type::from_timestamp; }

std::string_view name_of(Type type) {
  for (const auto& [name, known] : types)
    if (known == type) return name;
  return "";
}

// Creation is known to the second. A child begins when its parent was closed, which is known
// better: so parent and child are not both there in all of that second.
std::int64_t started_ms(const stream::Shard& shard, const stream::StreamSpec& spec) {
  if (shard.parent)
    if (const stream::Shard* parent = spec.find_shard(*shard.parent); parent && parent->closed_ms)
      return *parent->closed_ms;
  return shard.created_seconds * 1000;
}

}  // namespace

Result<ShardFilter> read_shard_filter(const Value& input) {
  const Value& given = input["ShardFilter"];
  if (!given) return ShardFilter{};
  auto refuse = [&](const std::string& why) { return Error{Fault::invalid, why}; };
  const std::string type_name(given["Type"].text());
  ShardFilter filter{.type = type_named(type_name).value_or(Type::from_trim_horizon)};
  const bool by_shard = filter.type == Type::after_shard_id;
  if (by_shard != static_cast<bool>(given["ShardId"]))
    return refuse(by_shard ? "ShardId must be given with the filter type AFTER_SHARD_ID."
                           : "ShardId cannot be given with the filter type " + type_name + ".");
  if (by_time(filter.type) != static_cast<bool>(given["Timestamp"]))
    return refuse("Timestamp " + std::string(by_time(filter.type) ? "must" : "cannot") +
                  " be given with the filter type " + type_name + ".");
  if (by_shard) {
    auto shard = parse_shard_loosely(given["ShardId"].text());
    if (!shard) return refuse("Invalid ShardId " + std::string(given["ShardId"].text()) + ".");
    filter.shard = *shard;
  }
  filter.timestamp_ms = given["Timestamp"].epoch_millis();
  return filter;
}

std::string to_text(const ShardFilter& filter) {
  std::string text(name_of(filter.type));
  if (filter.type == Type::after_shard_id) text += ":" + std::to_string(filter.shard);
  if (by_time(filter.type)) text += ":" + std::to_string(filter.timestamp_ms);
  return text;
}

std::optional<ShardFilter> parse_shard_filter(std::string_view text) {
  auto colon = text.find(':');
  auto type = type_named(text.substr(0, colon));
  if (!type) return std::nullopt;
  ShardFilter filter{.type = *type};
  const bool has_value = *type == Type::after_shard_id || by_time(*type);
  if (has_value != (colon != std::string_view::npos)) return std::nullopt;
  if (!has_value) return filter;
  text.remove_prefix(colon + 1);
  auto take = [](auto number, auto& into) {
    if (number) into = *number;
    return number.has_value();
  };
  bool whole = *type == Type::after_shard_id
                   ? take(parse_whole<ShardNumber>(text), filter.shard)
                   : take(parse_whole<std::int64_t>(text), filter.timestamp_ms);
  if (!whole) return std::nullopt;
  return filter;
}

std::vector<stream::Shard> filter_shards(std::vector<stream::Shard> shards,
                                         const stream::StreamSpec& spec, const ShardFilter& filter,
                                         std::int64_t now_ms) {
  const std::int64_t horizon = std::max(spec.visible_from_ms(now_ms), spec.created_seconds * 1000);
  auto open_at = [&](const stream::Shard& shard, std::int64_t when) {
    return started_ms(shard, spec) <= when && (shard.is_open() || *shard.closed_ms >= when);
  };
  auto listed = [&](const stream::Shard& shard) {
    switch (filter.type) {
      case Type::after_shard_id:
        return shard.number > filter.shard;
      case Type::at_trim_horizon:
        return open_at(shard, horizon);
      case Type::from_trim_horizon:
        return true;
      case Type::at_latest:
        return shard.is_open();
      case Type::at_timestamp:
        return open_at(shard, std::max(filter.timestamp_ms, horizon));
      case Type::from_timestamp:
        return shard.is_open() || *shard.closed_ms >= std::max(filter.timestamp_ms, horizon);
    }
    return false;
  };
  std::erase_if(shards, [&](const stream::Shard& shard) { return !listed(shard); });
  return shards;
}

}  // namespace tailrace::aws::kinesis
