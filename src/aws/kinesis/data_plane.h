#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aws/kinesis/aws_limits.h"
#include "aws/kinesis/operations.h"
#include "aws/kinesis/shard_iterator.h"
#include "aws/kinesis/timers.h"
#include "base/clock.h"
#include "base/guarded.h"
#include "http/open_answers.h"
#include "record/account.h"
#include "stream/streams.h"

namespace tailrace::aws::kinesis {

class Subscriptions;

// What the actions that move records work on. Streams and clock outlive it; calls that are still
// open when it goes are given up then, and nothing of it is touched afterwards.
class DataPlane {
 public:
  // `iterator_key`: StreamOperations::iterator_key().
  DataPlane(stream::Streams& streams, Account account, Clock& clock, std::shared_ptr<Timers> timers,
            std::string iterator_key);
  ~DataPlane();

  // PutRecord, PutRecords, GetShardIterator, GetRecords, SubscribeToShard. It outlives them.
  std::vector<Handled> actions();

  stream::Streams& streams;
  const Account account;
  Clock& clock;
  // Shared with puts that are on their way to the disk: they may end later than this.
  const std::shared_ptr<Timers> timers;
  ShardIterators iterators;
  AwsLimits limits;
  const std::unique_ptr<Subscriptions> subscriptions;
  http::OpenAnswers open;  // last: what is open uses all of the above
};

// A file each. They run on the I/O pool and never block it.
void put_record(DataPlane& plane, std::shared_ptr<Call> call);
void put_records(DataPlane& plane, std::shared_ptr<Call> call);
void get_shard_iterator(DataPlane& plane, std::shared_ptr<Call> call);
// With the header `x-tailrace-wait-ms` (at most 20000) an answer without records waits so long for
// some: an extension of ours.
void get_records(DataPlane& plane, std::shared_ptr<Call> call);
void subscribe_to_shard(DataPlane& plane, std::shared_ptr<Call> call);

// Fault::not_found in AWS's words.
Result<std::shared_ptr<stream::Stream>> find_stream(DataPlane& plane, const std::string& name);
// "Shard shardId-000000000000 in stream orders under account 000000000000 does not exist"
Error gone_shard_error(const DataPlane& plane, const std::string& stream, ShardNumber shard);
// "Rate exceeded for shard ..."
Failure throttled(const DataPlane& plane, const std::string& stream, ShardNumber shard);

std::int64_t now_ms(DataPlane& plane);

// The list "Records" with its name.
void write_records(Writer& writer, const stream::StreamSpec& spec, const stream::Shard& shard,
                   const log::Records& records);
// The list "ChildShards" with its name.
void write_child_shards(Writer& writer, const std::vector<stream::Shard>& children);
// 0 when everything before `next` was the newest; else how long ago the record before it arrived.
std::int64_t millis_behind_latest(stream::Stream& stream, ShardNumber shard,
                                  const log::Records& records, Offset next, std::int64_t now_ms);

}  // namespace tailrace::aws::kinesis
