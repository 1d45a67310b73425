#include "aws/kinesis/data_plane.h"

#include <algorithm>

#include "aws/kinesis/describe.h"
#include "aws/kinesis/names.h"
#include "aws/kinesis/subscription.h"
#include "aws/writer.h"

namespace tailrace::aws::kinesis {

DataPlane::DataPlane(stream::Streams& streams_, Account account_, Clock& clock_,
                     std::shared_ptr<Timers> timers_, std::string iterator_key)
    : streams(streams_),
      account(std::move(account_)),
      clock(clock_),
      timers(std::move(timers_)),
      iterators(std::move(iterator_key)),
      subscriptions(std::make_unique<Subscriptions>()) {}

DataPlane::~DataPlane() { open.close_all(); }

std::vector<Handled> DataPlane::actions() {
  auto handled = [this](std::string_view action,
                        void (*run)(DataPlane&, std::shared_ptr<Call>)) -> Handled {
    return {action, [this, run](std::shared_ptr<Call> call) { run(*this, std::move(call)); }};
  };
  auto get = handled("GetRecords", get_records);
  get.resources = [this](const Value& input) {
    auto iterator = iterators.open(input["ShardIterator"].text());
    return std::vector<std::string>{iterator ? stream_arn(account, iterator->stream) : "*"};
  };
  return {handled("PutRecord", put_record), handled("PutRecords", put_records),
          handled("GetShardIterator", get_shard_iterator), std::move(get),
          handled("SubscribeToShard", subscribe_to_shard)};
}

Result<std::shared_ptr<stream::Stream>> find_stream(DataPlane& plane, const std::string& name) {
  if (auto found = plane.streams.find(name)) return found;
  return Error{Fault::not_found,
               "Stream " + name + " under account " + plane.account.id + " not found."};
}

Error gone_shard_error(const DataPlane& plane, const std::string& stream, ShardNumber shard) {
  return {Fault::not_found, "Shard " + shard_id(shard) + " in stream " + stream +
                                " under account " + plane.account.id + " does not exist"};
}

Failure throttled(const DataPlane& plane, const std::string& stream, ShardNumber shard) {
  return {"ProvisionedThroughputExceededException", "Rate exceeded for shard " + shard_id(shard) +
                                                        " in stream " + stream + " under account " +
                                                        plane.account.id + "."};
}

std::int64_t now_ms(DataPlane& plane) { return unix_ms(plane.clock.now()); }

void write_records(Writer& writer, const stream::StreamSpec& spec, const stream::Shard& shard,
                   const log::Records& records) {
  writer.begin_list("Records");
  for (const log::Record& record : records.records) {
    writer.begin_map();
    writer.text("SequenceNumber", stream::sequence_number(shard, record.offset, record.arrival_ms));
    writer.timestamp("ApproximateArrivalTimestamp", record.arrival_ms);
    writer.blob("Data", record.payload);
    writer.text("PartitionKey", record.partition_key);
    if (!spec.kms_key_id.empty()) writer.text("EncryptionType", "KMS");
    writer.end_map();
  }
  writer.end_list();
}

void write_child_shards(Writer& writer, const std::vector<stream::Shard>& children) {
  writer.begin_list("ChildShards");
  for (const auto& child : children) {
    writer.begin_map();
    writer.text("ShardId", shard_id(child.number));
    writer.begin_list("ParentShards");
    for (auto parent : {child.parent, child.adjacent_parent})
      if (parent) writer.text(shard_id(*parent));
    writer.end_list();
    write_hash_range(writer, child.range);
    writer.end_map();
  }
  writer.end_list();
}

std::int64_t millis_behind_latest(stream::Stream& stream, ShardNumber shard,
                                  const log::Records& records, Offset next, std::int64_t now_ms) {
  if (records.records.empty() || next >= stream.latest(shard)) return 0;
  // A clock that was set back gives no negative answer.
  return std::max<std::int64_t>(0, now_ms - records.records.back().arrival_ms);
}

}  // namespace tailrace::aws::kinesis
