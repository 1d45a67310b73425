#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/buffer.h"
#include "log/stream_log.h"
#include "record/account.h"
#include "record/sequence_number.h"
#include "stream/stream_spec.h"

namespace tailrace::delivery {

// Lambda's limit for the event of one invocation.
inline constexpr std::size_t event_bytes_max = 6u << 20;

// The event that Lambda gives a function for records of a Kinesis stream, made in one pass:
//
//   {"Records":[{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":..,"sequenceNumber":..,
//     "data":<base64>,"approximateArrivalTimestamp":<seconds>},"eventSource":"aws:kinesis",
//     "eventVersion":"1.0","eventID":"<shard>:<sequence number>","eventName":"aws:kinesis:record",
//     "invokeIdentityArn":..,"awsRegion":..,"eventSourceARN":..},...]}
class Event {
 public:
  Event(const Account& account, const std::string& stream, const stream::Shard& shard);

  enum class Added {
    yes,
    full,       // it would pass event_bytes_max: it belongs into the next event
    too_large,  // it alone passes event_bytes_max: no event can hold it
  };
  Added add(const log::Record& record);
  // Whatever its size; only for parking.
  void add_too_large(const log::Record& record);

  bool empty() const { return count_ == 0; }
  std::uint32_t count() const { return count_; }
  // Gives the event and starts a new one.
  std::shared_ptr<const std::string> finish();

 private:
  void append(const log::Record& record);

  const stream::Shard shard_;
  std::string before_event_id_;  // ,"eventSource":... up to the sequence number in "eventID"
  std::string after_event_id_;   // the rest of a record
  Buffer text_;
  std::uint32_t count_ = 0;
};

}  // namespace tailrace::delivery
