#include "aws/kinesis/position.h"

#include <algorithm>
#include <string>

namespace tailrace::aws::kinesis {
namespace {

Error invalid(std::string message) { return {Fault::invalid, std::move(message)}; }

// What the pairing of type and sequence number has to be.
Error pairing_error(const Position& position, const char* specified) {
  return invalid(
      "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and "
      "StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "
      "Request specified " +
      std::string(position.type) + specified);
}

Result<Offset> offset_of_number(stream::Stream& stream, const stream::Shard& shard,
                                const Position& position, const Account& account) {
  const std::string text(*position.sequence_number);
  auto number = parse_sequence_number(text);
  auto used = [&] {
    return "StartingSequenceNumber " + text + " used in " + std::string(position.action) +
           " on shard " + shard_id(shard.number) + " in stream " + stream.spec()->name +
           " under account " + account.id + " is invalid";
  };
  if (!number) return invalid(used() + ".");
  if (number->shard != shard.number)
    return invalid("Invalid StartingSequenceNumber. It encodes " + shard_id(number->shard) +
                   ", while it was used in a call to a shard with " + shard_id(shard.number));
  if (number->shard_created_seconds != shard.created_seconds)
    return invalid(used() + " because it did not come from this stream.");

  // A record's counter is its offset + 1, so the counter is the offset behind it.
  auto after = number->counter;
  bool at = position.type == "AT_SEQUENCE_NUMBER";
  auto offset = at && after > 0 ? after - 1 : after;
  // A closed shard's last number lies behind all records, and so may a number from before a crash
  // that took what was not yet synced.
  return std::min(offset, stream.latest(shard.number));
}

}  // namespace

Result<Offset> offset_of(stream::Stream& stream, const stream::Shard& shard,
                         const Position& position, const Account& account, std::int64_t now_ms) {
  bool by_number =
      position.type == "AT_SEQUENCE_NUMBER" || position.type == "AFTER_SEQUENCE_NUMBER";
  if (by_number && !position.sequence_number)
    return pairing_error(position, " and no StartingSequenceNumber.");
  if (!by_number && position.sequence_number)
    return pairing_error(position, " and also a StartingSequenceNumber.");
  if (by_number) return offset_of_number(stream, shard, position, account);

  if (position.type == "AT_TIMESTAMP") {
    if (!position.timestamp_ms)
      return invalid(
          "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current "
          "request has no timestamp parameter.");
    if (*position.timestamp_ms > now_ms)
      return invalid(
          "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
          "timestampInMillis: " +
          std::to_string(*position.timestamp_ms) +
          ", currentTimestampInMillis: " + std::to_string(now_ms));
    return stream.offset_at(shard.number, *position.timestamp_ms);
  }
  // Reading from below the horizon begins at the horizon, also when it has moved on by then.
  return position.type == "LATEST" ? stream.latest(shard.number) : 0;
}

std::string continuation_number(const stream::Shard& shard, Offset next, std::int64_t now_ms) {
  return to_string(SequenceNumber{.shard_created_seconds = shard.created_seconds,
                                  .shard = shard.number,
                                  .counter = next,
                                  .record_seconds = now_ms / 1000});
}

}  // namespace tailrace::aws::kinesis
