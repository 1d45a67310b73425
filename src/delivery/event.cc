#include "delivery/event.h"

#include <cstdio>

#include "base/base64.h"
#include "base/json_text.h"
#include "stream/stream.h"

namespace tailrace::delivery {
namespace {

constexpr std::string_view event_open = R"({"Records":[)";
constexpr std::string_view event_close = "]}";

// A large buffer is given back, so that an idle shard does not hold megabytes.
constexpr std::size_t kept_bytes_max = 256u << 10;

void append_seconds(Buffer& out, std::int64_t ms) {
  char text[32];
  int length = std::snprintf(text, sizeof text, "%lld.%03d", static_cast<long long>(ms / 1000),
                             static_cast<int>(ms % 1000));
  out.append({text, static_cast<std::size_t>(length)});
}

}  // namespace

Event::Event(const Account& account, const std::string& stream, const stream::Shard& shard)
    : shard_(shard),
      before_event_id_(R"(},"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":")" +
                       shard_id(shard.number) + ":"),
      after_event_id_(R"(","eventName":"aws:kinesis:record","invokeIdentityArn":)" +
                      json_string("arn:aws:iam::" + account.id + ":role/tailrace") +
                      R"(,"awsRegion":)" + json_string(account.region) + R"(,"eventSourceARN":)" +
                      json_string(stream_arn(account, stream)) + "}") {}

Event::Added Event::add(const log::Record& record) {
  std::size_t before = text_.size();
  // Too much already without the rest of the record: spares the work.
  if (record.payload.size() / 3 * 4 <= event_bytes_max) {
    append(record);
    if (text_.size() + event_close.size() <= event_bytes_max) return Added::yes;
    text_.truncate(before);
    --count_;
  }
  return count_ == 0 ? Added::too_large : Added::full;
}

void Event::add_too_large(const log::Record& record) { append(record); }

void Event::append(const log::Record& record) {
  if (count_ == 0) {
    text_.clear();
    text_.append(event_open);
  } else {
    text_.append(',');
  }
  ++count_;
  std::string sequence_number = stream::sequence_number(shard_, record.offset, record.arrival_ms);
  text_.append(R"({"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":)");
  append_json_string(text_, record.partition_key);
  text_.append(R"(,"sequenceNumber":")");
  text_.append(sequence_number);
  text_.append(R"(","data":")");
  append_base64(text_, record.payload);
  text_.append(R"(","approximateArrivalTimestamp":)");
  append_seconds(text_, record.arrival_ms);
  text_.append(before_event_id_);
  text_.append(sequence_number);
  text_.append(after_event_id_);
}

std::shared_ptr<const std::string> Event::finish() {
  text_.append(event_close);
  auto event = std::make_shared<const std::string>(text_.view());
  if (text_.capacity() > kept_bytes_max) text_ = Buffer();
  text_.clear();
  count_ = 0;
  return event;
}

}  // namespace tailrace::delivery
