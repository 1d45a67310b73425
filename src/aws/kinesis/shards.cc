#include <algorithm>

#include "aws/kinesis/control.h"
#include "aws/kinesis/describe.h"
#include "aws/kinesis/names.h"
#include "aws/kinesis/page_token.h"
#include "aws/kinesis/shard_filter.h"

namespace tailrace::aws::kinesis {
namespace {

// However many are asked for, AWS gives no more.
constexpr std::int64_t listed_shards_max = 1000;

Failure together_failure() {
  return {"InvalidArgumentException", "NextToken and StreamName cannot be provided together."};
}

// Where a page of ListShards begins.
struct Page {
  std::string stream;
  std::uint64_t incarnation = 0;  // 0: whatever is there
  std::optional<ShardNumber> after;
  ShardFilter filter;
};

// AWS refuses a token beside what it was made from, and with that breaks paginators which repeat
// the whole request. Here what they repeat is accepted when it says what the token says.
std::variant<Page, Failure> page_of_token(const Control& control, const Value& input) {
  auto accepted = accept_page_token(input["NextToken"].text(), "ListShards", now_ms(control));
  if (auto* failure = std::get_if<Failure>(&accepted)) return std::move(*failure);
  const auto& token = std::get<PageToken>(accepted);
  auto filter = parse_shard_filter(token.filter);
  auto after = parse_shard_loosely(token.after);
  if (!filter || !after) return Failure{"InvalidArgumentException", "Invalid NextToken."};
  if (input["StreamName"] || input["StreamARN"]) {
    auto named = stream_of(control.account, input);
    if (!named) return failure_of(named.error());
    if (*named != token.stream) return together_failure();
  }
  if (input["ShardFilter"]) {
    auto repeated = read_shard_filter(input);
    if (!repeated) return failure_of(repeated.error());
    if (*repeated != *filter) return together_failure();
  }
  if (auto start = input["ExclusiveStartShardId"]) {
    auto number = parse_shard_loosely(start.text());
    if (!number || *number > *after) return together_failure();
  }
  return Page{token.stream, token.incarnation, after, *filter};
}

std::variant<Page, Failure> page_of_names(const Control& control, const Value& input) {
  if (!input["StreamName"] && !input["StreamARN"])
    return Failure{"InvalidArgumentException",
                   "Either NextToken or StreamName should be provided."};
  auto stream = stream_of(control.account, input);
  if (!stream) return failure_of(stream.error());
  auto filter = read_shard_filter(input);
  if (!filter) return failure_of(filter.error());
  Page page{std::move(*stream), 0, std::nullopt, *filter};
  if (auto start = input["ExclusiveStartShardId"]) {
    auto number = shard_of(control.account, page.stream, start.text());
    if (!number) return failure_of(number.error());
    page.after = *number;
  }
  return page;
}

Outcome list_shards(const Control& control, const Value& input) {
  auto read = input["NextToken"] ? page_of_token(control, input) : page_of_names(control, input);
  if (auto* failure = std::get_if<Failure>(&read)) return *failure;
  const auto& page = std::get<Page>(read);
  auto stream = find_stream(control, page.stream);
  if (!stream) return stream.error();
  auto spec = (*stream)->spec();
  if (page.incarnation != 0 && page.incarnation != spec->incarnation)
    return Error{Fault::invalid,
                 "NextToken is of another stream that had the name " + spec->name + " before."};
  if (auto same = check_creation(control, input, *spec); !same) return same;

  const std::int64_t now = now_ms(control);
  auto shards = filter_shards((*stream)->shards(), *spec, page.filter, now);
  if (page.after)
    std::erase_if(shards, [&](const stream::Shard& one) { return one.number <= *page.after; });
  const bool more = cut_to_page(shards, input["MaxResults"], listed_shards_max);
  return Outcome::Members(
      [spec, now, more, filter = page.filter, shards = std::move(shards)](Writer& writer) {
        writer.begin_list("Shards");
        for (const stream::Shard& shard : shards) {
          writer.begin_map();
          write_shard(writer, shard);
          writer.end_map();
        }
        writer.end_list();
        if (more)
          writer.text("NextToken", to_text(PageToken{.list = "ListShards",
                                                     .stream = spec->name,
                                                     .incarnation = spec->incarnation,
                                                     .after = shard_id(shards.back().number),
                                                     .filter = to_text(filter),
                                                     .issued_ms = now}));
      });
}

// A token names a stream, whose ARN is what the identity must be allowed.
std::vector<std::string> resources_of_list(const Account& account, const Value& input) {
  std::vector<std::string> arns = resources_of(account, input);
  if (auto token = parse_page_token(input["NextToken"].text()); token && !token->stream.empty())
    arns = {stream_arn(account, token->stream)};
  return arns;
}

// The shards of an on-demand stream are not for its owner to change.
std::optional<Failure> refuse_on_demand(const Control& control, const stream::Stream& stream) {
  auto spec = stream.spec();
  if (spec->mode != stream::Mode::on_demand) return std::nullopt;
  return Failure{"ValidationException", control.operations.on_demand_error(spec->name).message};
}

Outcome split_shard(const Control& control, const Value& input) {
  auto stream = find_stream(control, input);
  if (!stream) return stream.error();
  if (auto refused = refuse_on_demand(control, **stream)) return *refused;
  const std::string name = (*stream)->spec()->name;
  auto shard = shard_of(control.account, name, input["ShardToSplit"].text());
  if (!shard) return shard.error();
  auto key = parse_hash_key(input["NewStartingHashKey"].text());
  if (!key)
    return Error{Fault::invalid,
                 "Invalid NewStartingHashKey. NewStartingHashKey must be in the range: "
                 "[0, 2^128-1]. Specified value was " +
                     std::string(input["NewStartingHashKey"].text())};
  return control.operations.split(name, *shard, *key);
}

Outcome merge_shards(const Control& control, const Value& input) {
  auto stream = find_stream(control, input);
  if (!stream) return stream.error();
  if (auto refused = refuse_on_demand(control, **stream)) return *refused;
  const std::string name = (*stream)->spec()->name;
  auto shard = shard_of(control.account, name, input["ShardToMerge"].text());
  if (!shard) return shard.error();
  auto adjacent = shard_of(control.account, name, input["AdjacentShardToMerge"].text());
  if (!adjacent) return adjacent.error();
  return control.operations.merge(name, *shard, *adjacent);
}

// What AWS allows in one step, for streams that are to behave so.
std::optional<Failure> refuse_far_count(const stream::StreamSpec& spec, std::int64_t target) {
  const std::int64_t open = spec.open_shards();
  if (!spec.aws_limits || (target <= open * 2 && target * 2 >= open)) return std::nullopt;
  return Failure{"InvalidArgumentException",
                 "UpdateShardCount cannot scale " +
                     std::string(target > open ? "up over double" : "down below half") +
                     " your current open shard count. Current open shard count: " +
                     std::to_string(open) + " Target shard count: " + std::to_string(target)};
}

Outcome update_shard_count(const Control& control, const Value& input) {
  auto stream = find_stream(control, input);
  if (!stream) return stream.error();
  if (auto refused = refuse_on_demand(control, **stream)) return *refused;
  auto spec = (*stream)->spec();
  const std::int64_t target = input["TargetShardCount"].integer();
  if (auto refused = refuse_far_count(*spec, target)) return *refused;
  auto counts =
      control.operations.update_shard_count(spec->name, static_cast<std::uint32_t>(target));
  if (!counts) return counts.error();
  return Outcome::Members([&control, spec, counts = *counts](Writer& writer) {
    write_stream_name(writer, control.account, *spec);
    writer.integer("CurrentShardCount", counts.before);
    writer.integer("TargetShardCount", counts.after);
  });
}

}  // namespace

std::vector<Handled> shard_actions(const Control& control) {
  Handled list = looking(control, "ListShards", list_shards);
  list.resources = [account = control.account](const Value& input) {
    return resources_of_list(account, input);
  };
  return {std::move(list), changing(control, "SplitShard", split_shard),
          changing(control, "MergeShards", merge_shards),
          changing(control, "UpdateShardCount", update_shard_count)};
}

}  // namespace tailrace::aws::kinesis
