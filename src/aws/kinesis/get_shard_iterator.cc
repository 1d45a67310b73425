#include "aws/kinesis/data_plane.h"
#include "aws/kinesis/names.h"
#include "aws/kinesis/position.h"
#include "aws/writer.h"

namespace tailrace::aws::kinesis {
namespace {

Result<ShardIterator> begin(DataPlane& plane, stream::Stream& stream, const std::string& name,
                            const stream::Shard& shard, const Value& input) {
  Position position{.type = input["ShardIteratorType"].text(), .action = "GetShardIterator"};
  if (const auto& text = input["StartingSequenceNumber"]) position.sequence_number = text.text();
  if (const auto& time = input["Timestamp"]) position.timestamp_ms = time.epoch_millis();
  auto now = now_ms(plane);
  auto offset = offset_of(stream, shard, position, plane.account, now);
  if (!offset) return std::move(offset).error();
  return ShardIterator{.stream = name,
                       .incarnation = stream.spec()->incarnation,
                       .shard = shard.number,
                       .offset = *offset,
                       .issued_ms = now};
}

}  // namespace

void get_shard_iterator(DataPlane& plane, std::shared_ptr<Call> call) {
  const auto& input = call->input();
  auto name = stream_of(plane.account, input);
  if (!name) return call->fail(failure_of(name.error()));
  auto number = shard_of(plane.account, *name, input["ShardId"].text());
  if (!number) return call->fail(failure_of(number.error()));
  auto stream = find_stream(plane, *name);
  if (!stream) return call->fail(failure_of(stream.error()));
  // Before it is counted: there are no limits of what does not exist.
  auto shard = (*stream)->shard(*number);
  if (!shard) return call->fail(failure_of(gone_shard_error(plane, *name, *number)));

  auto spec = (*stream)->spec();
  if (spec->aws_limits &&
      !plane.limits.admit_get_iterator({spec->incarnation, *number}, plane.clock.steady()))
    return call->fail(throttled(plane, *name, *number));
  auto iterator = begin(plane, **stream, *name, *shard, input);
  if (!iterator) return call->fail(failure_of(iterator.error()));
  call->answer(
      [&](Writer& writer) { writer.text("ShardIterator", plane.iterators.seal(*iterator)); });
}

}  // namespace tailrace::aws::kinesis
