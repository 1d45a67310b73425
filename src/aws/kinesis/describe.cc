#include "aws/kinesis/describe.h"

namespace tailrace::aws::kinesis {

void write_stream_name(Writer& writer, const Account& account, const stream::StreamSpec& spec) {
  writer.text("StreamName", spec.name);
  writer.text("StreamARN", stream_arn(account, spec.name));
}

void write_stream_state(Writer& writer, const Account& account, const stream::StreamSpec& spec) {
  write_stream_name(writer, account, spec);
  // Changes of a stream are done when their call returns, so nobody sees it in another state.
  writer.text("StreamStatus", "ACTIVE");
  writer.begin_map("StreamModeDetails");
  writer.text("StreamMode", spec.mode == stream::Mode::on_demand ? "ON_DEMAND" : "PROVISIONED");
  writer.end_map();
  writer.timestamp("StreamCreationTimestamp", spec.created_seconds * 1000);
}

void write_stream_settings(Writer& writer, const stream::StreamSpec& spec) {
  writer.integer("RetentionPeriodHours", spec.retention.count());
  writer.begin_list("EnhancedMonitoring");
  writer.begin_map();
  write_metrics(writer, "ShardLevelMetrics", spec.shard_metrics);
  writer.end_map();
  writer.end_list();
  writer.text("EncryptionType", spec.kms_key_id.empty() ? "NONE" : "KMS");
  if (!spec.kms_key_id.empty()) writer.text("KeyId", spec.kms_key_id);
}

void write_warm_throughput(Writer& writer, const stream::StreamSpec& spec) {
  writer.begin_map("WarmThroughput");
  writer.integer("TargetMiBps", spec.warm_throughput_mibps);
  writer.integer("CurrentMiBps", spec.warm_throughput_mibps);
  writer.end_map();
}

void write_metrics(Writer& writer, std::string_view name,
                   const std::set<stream::ShardMetric>& metrics) {
  writer.begin_list(name);
  for (stream::ShardMetric metric : metrics) writer.text(metric_name(metric));
  writer.end_list();
}

void write_hash_range(Writer& writer, const HashRange& range) {
  writer.begin_map("HashKeyRange");
  writer.text("StartingHashKey", to_string(range.first));
  writer.text("EndingHashKey", to_string(range.last));
  writer.end_map();
}

void write_shard(Writer& writer, const stream::Shard& shard) {
  writer.text("ShardId", shard_id(shard.number));
  if (shard.parent) writer.text("ParentShardId", shard_id(*shard.parent));
  if (shard.adjacent_parent) writer.text("AdjacentParentShardId", shard_id(*shard.adjacent_parent));
  write_hash_range(writer, shard.range);
  writer.begin_map("SequenceNumberRange");
  writer.text("StartingSequenceNumber", stream::starting_sequence_number(shard));
  // Its absence says that the shard is open.
  if (!shard.is_open()) writer.text("EndingSequenceNumber", stream::ending_sequence_number(shard));
  writer.end_map();
}

void write_consumer(Writer& writer, const Account& account, std::string_view stream,
                    const stream::Consumer& consumer) {
  writer.text("ConsumerName", consumer.name);
  writer.text("ConsumerARN",
              consumer_arn(account, stream, consumer.name, consumer.created_seconds));
  writer.text("ConsumerStatus", "ACTIVE");
  writer.timestamp("ConsumerCreationTimestamp", consumer.created_seconds * 1000);
}

std::string_view metric_name(stream::ShardMetric metric) {
  switch (metric) {
    case stream::ShardMetric::incoming_bytes:
      return "IncomingBytes";
    case stream::ShardMetric::incoming_records:
      return "IncomingRecords";
    case stream::ShardMetric::outgoing_bytes:
      return "OutgoingBytes";
    case stream::ShardMetric::outgoing_records:
      return "OutgoingRecords";
    case stream::ShardMetric::write_throughput_exceeded:
      return "WriteProvisionedThroughputExceeded";
    case stream::ShardMetric::read_throughput_exceeded:
      return "ReadProvisionedThroughputExceeded";
    case stream::ShardMetric::iterator_age:
      return "IteratorAgeMilliseconds";
  }
  return "";
}

std::set<stream::ShardMetric> all_metrics() {
  return {stream::ShardMetric::incoming_bytes,
          stream::ShardMetric::incoming_records,
          stream::ShardMetric::outgoing_bytes,
          stream::ShardMetric::outgoing_records,
          stream::ShardMetric::write_throughput_exceeded,
          stream::ShardMetric::read_throughput_exceeded,
          stream::ShardMetric::iterator_age};
}

}  // namespace tailrace::aws::kinesis
