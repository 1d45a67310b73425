#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/error.h"
#include "aws/value.h"
#include "base/result.h"
#include "catalog/stream_operations.h"
#include "record/account.h"
#include "record/sequence_number.h"

namespace tailrace::aws::kinesis {

// Whom a request names. Errors are for failure_of(): invalid when the request names nobody or two
// who differ, not_found when its ARN is of another account or region.

// By StreamName, StreamARN or both. Whether there is such a stream is not asked.
Result<std::string> stream_of(const Account& account, const Value& input);
// By ConsumerARN, or by StreamARN and ConsumerName.
Result<catalog::StreamOperations::Resource> consumer_of(const Account& account, const Value& input);
// The stream or consumer of ResourceARN.
Result<catalog::StreamOperations::Resource> resource_of(const Account& account, const Value& input);
// The consumer of an ARN.
Result<catalog::StreamOperations::Resource> consumer_of_arn(const Account& account,
                                                            std::string_view arn);
// That consumer of the stream; not_found when there is none or another of its name.
Result<stream::Consumer> find_consumer(const Account& account, const stream::StreamSpec& spec,
                                       const catalog::StreamOperations::Resource& consumer);

// All ARNs that an input names by the members above, for identity policies; "*" if it names none.
std::vector<std::string> resources_of(const Account& account, const Value& input);

// As loosely as AWS reads one: the decimal behind the first "-" or the whole text, so that
// "shardId-0" is shardId-000000000000.
std::optional<ShardNumber> parse_shard_loosely(std::string_view id);
// The same; not_found in AWS's words when it is none.
Result<ShardNumber> shard_of(const Account& account, const std::string& stream,
                             std::string_view id);
Error no_shard_error(const Account& account, const std::string& stream, std::string_view id);

// An error of ours as an exception of Kinesis.
Failure failure_of(const Error& error);

}  // namespace tailrace::aws::kinesis
