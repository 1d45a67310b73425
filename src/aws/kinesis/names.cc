#include "aws/kinesis/names.h"

#include <limits>

#include "base/whole_number.h"

namespace tailrace::aws::kinesis {
namespace {

using Resource = catalog::StreamOperations::Resource;

// What an ARN names, if it is ours.
Result<StreamArn> parse_own(const Account& account, std::string_view arn) {
  auto parsed = parse_stream_arn(arn);
  if (!parsed) return Error{Fault::invalid, "Invalid ARN: " + std::string(arn)};
  if (parsed->account != account)
    return Error{Fault::not_found, "Stream " + parsed->stream + " under account " +
                                       parsed->account.id + " not found: this is account " +
                                       account.id + " in " + account.region + "."};
  return std::move(*parsed);
}

Resource resource_named_by(StreamArn arn) {
  Resource resource{std::move(arn.stream), std::move(arn.consumer), std::nullopt};
  if (!resource.consumer.empty()) resource.created_seconds = arn.created_seconds;
  return resource;
}

}  // namespace

Result<std::string> stream_of(const Account& account, const Value& input) {
  std::string name(input["StreamName"].text());
  if (!input["StreamARN"]) {
    if (name.empty())
      return Error{Fault::invalid, "Either StreamName or StreamARN must be provided."};
    return name;
  }
  auto arn = parse_own(account, input["StreamARN"].text());
  if (!arn) return std::move(arn).error();
  if (!arn->consumer.empty()) return Error{Fault::invalid, "StreamARN is the ARN of a consumer."};
  if (!name.empty() && name != arn->stream)
    return Error{Fault::invalid, "StreamName " + name + " and StreamARN " +
                                     std::string(input["StreamARN"].text()) +
                                     " are not of the same stream."};
  return std::move(arn->stream);
}

Result<Resource> consumer_of_arn(const Account& account, std::string_view arn) {
  auto parsed = parse_own(account, arn);
  if (!parsed) return std::move(parsed).error();
  if (parsed->consumer.empty())
    return Error{Fault::invalid, "Invalid consumer ARN: " + std::string(arn)};
  return resource_named_by(std::move(*parsed));
}

Result<Resource> consumer_of(const Account& account, const Value& input) {
  const std::string_view name = input["ConsumerName"].text();
  if (!input["ConsumerARN"]) {
    if (!input["StreamARN"] || name.empty())
      return Error{Fault::invalid,
                   "Either ConsumerARN or both StreamARN and ConsumerName must be provided."};
    auto stream = stream_of(account, input);
    if (!stream) return std::move(stream).error();
    return Resource{std::move(*stream), std::string(name), std::nullopt};
  }
  auto consumer = consumer_of_arn(account, input["ConsumerARN"].text());
  if (!consumer) return consumer;
  if (input["StreamARN"]) {
    auto stream = stream_of(account, input);
    if (!stream) return std::move(stream).error();
    if (*stream != consumer->stream)
      return Error{Fault::invalid, "ConsumerARN and StreamARN are not of the same stream."};
  }
  if (!name.empty() && name != consumer->consumer)
    return Error{Fault::invalid, "ConsumerARN and ConsumerName are not of the same consumer."};
  return consumer;
}

Result<Resource> resource_of(const Account& account, const Value& input) {
  auto parsed = parse_own(account, input["ResourceARN"].text());
  if (!parsed) return std::move(parsed).error();
  return resource_named_by(std::move(*parsed));
}

Result<stream::Consumer> find_consumer(const Account& account, const stream::StreamSpec& spec,
                                       const Resource& consumer) {
  const stream::Consumer* known = spec.find_consumer(consumer.consumer);
  if (known == nullptr ||
      known->created_seconds != consumer.created_seconds.value_or(known->created_seconds))
    return Error{Fault::not_found, "Consumer " + consumer.consumer + " of stream " + spec.name +
                                       " under account " + account.id + " not found."};
  return *known;
}

std::vector<std::string> resources_of(const Account& account, const Value& input) {
  std::vector<std::string> arns;
  for (std::string_view member : {"StreamARN", "ConsumerARN", "ResourceARN"})
    if (input[member]) arns.emplace_back(input[member].text());
  if (input["StreamName"]) arns.push_back(stream_arn(account, input["StreamName"].text()));
  if (arns.empty()) arns.emplace_back("*");
  return arns;
}

std::optional<ShardNumber> parse_shard_loosely(std::string_view id) {
  if (auto dash = id.find('-'); dash != std::string_view::npos) id.remove_prefix(dash + 1);
  auto number = parse_whole<ShardNumber>(id);
  if (number && *number > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
  return number;
}

Result<ShardNumber> shard_of(const Account& account, const std::string& stream,
                             std::string_view id) {
  if (auto number = parse_shard_loosely(id)) return *number;
  return no_shard_error(account, stream, id);
}

Error no_shard_error(const Account& account, const std::string& stream, std::string_view id) {
  return {Fault::not_found, "Could not find shard " + std::string(id) + " in stream " + stream +
                                " under account " + account.id + "."};
}

Failure failure_of(const Error& error) {
  switch (error.fault) {
    case Fault::invalid:
      return {"InvalidArgumentException", error.message};
    case Fault::not_found:
      return {"ResourceNotFoundException", error.message};
    case Fault::conflict:
      return {"ResourceInUseException", error.message};
    case Fault::denied:
      return {"AccessDeniedException", error.message};
    case Fault::full:
      return {"LimitExceededException", error.message};
    case Fault::unavailable:
    case Fault::timeout:
      return {"ServiceUnavailable", error.message, 503};
    case Fault::corrupt:
    case Fault::fenced:
    case Fault::gap:
    case Fault::internal:
      break;
  }
  return {"InternalFailure", error.message, 500};
}

}  // namespace tailrace::aws::kinesis
