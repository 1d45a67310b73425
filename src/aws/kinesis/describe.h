#pragma once

#include <set>
#include <string_view>

#include "aws/writer.h"
#include "record/account.h"
#include "stream/stream.h"

namespace tailrace::aws::kinesis {

// How streams, shards and consumers look in answers. Each writes members into the map that is open.

void write_stream_name(Writer& writer, const Account& account, const stream::StreamSpec& spec);
// What DescribeStream, DescribeStreamSummary and ListStreams have alike.
void write_stream_state(Writer& writer, const Account& account, const stream::StreamSpec& spec);
// Retention, monitoring, encryption.
void write_stream_settings(Writer& writer, const stream::StreamSpec& spec);
void write_warm_throughput(Writer& writer, const stream::StreamSpec& spec);
// A list of the metrics' names.
void write_metrics(Writer& writer, std::string_view name,
                   const std::set<stream::ShardMetric>& metrics);

void write_hash_range(Writer& writer, const HashRange& range);
void write_shard(Writer& writer, const stream::Shard& shard);
void write_consumer(Writer& writer, const Account& account, std::string_view stream,
                    const stream::Consumer& consumer);

// The name of a metric in the API and back; "ALL" is none of them.
std::string_view metric_name(stream::ShardMetric metric);
std::set<stream::ShardMetric> all_metrics();

}  // namespace tailrace::aws::kinesis
