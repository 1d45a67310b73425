#pragma once

#include <atomic>
#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "aws/call.h"
#include "aws/kinesis/aws_limits.h"
#include "aws/kinesis/serial.h"
#include "aws/kinesis/timers.h"
#include "base/guarded.h"
#include "http/open_answers.h"
#include "stream/stream.h"

namespace tailrace::aws::kinesis {

class DataPlane;

// Whose subscription it is: one of these is active at a time.
struct SubscriptionKey {
  std::uint64_t incarnation = 0;  // of the stream
  std::string consumer;
  std::int64_t consumer_created_seconds = 0;
  ShardNumber shard = 0;
  auto operator<=>(const SubscriptionKey&) const = default;
};

// A stream of events on its way to a consumer: what SubscribeToShard answers with. It sends what
// the shard gets as soon as it is durable, at the speed at which the peer takes it, and an empty
// event where nothing came for a while. It ends after five minutes, at the end of the shard, when
// consumer or stream are gone, when another one takes over, or when the peer leaves.
class Subscription final : public http::OpenAnswer,
                           public std::enable_shared_from_this<Subscription> {
 public:
  Subscription(DataPlane& plane, SubscriptionKey key, std::shared_ptr<stream::Stream> stream,
               stream::Shard shard, Offset from, Codec codec);

  // Sends the initial response, then events.
  void start(std::shared_ptr<Call> call);
  // Another one has taken over. Any thread.
  void supersede();
  void close() override;

 private:
  void kick();
  void step();
  void begin();
  std::function<void(bool)> when_written();
  void send_events();
  void send(std::string frame);
  void wait_for_more(std::chrono::milliseconds owed);
  void fail(const Failure& failure);
  void end();
  void finish();
  bool consumer_is_gone(const stream::StreamSpec& spec) const;
  std::string event_of(const stream::Stream::Read& read, const stream::StreamSpec& spec);

  DataPlane& plane_;
  const SubscriptionKey key_;
  const std::shared_ptr<stream::Stream> stream_;
  const stream::Shard shard_;
  const Codec codec_;

  Serial serial_;
  // What others tell it before they kick it.
  std::atomic<bool> writing_{true};
  std::atomic<bool> peer_left_{false};
  std::atomic<bool> superseded_{false};
  std::atomic<bool> time_is_up_{false};
  std::atomic<bool> idle_{false};  // nothing was sent for a while

  std::mutex mutex_;            // over what follows, and held while stepping: close() waits for it
  std::shared_ptr<Call> call_;  // until the initial response is sent
  std::shared_ptr<http::Responder> responder_;
  Offset next_;
  TokenBucket pace_{fan_out_bytes_per_second};
  stream::Waiting waiting_;
  Timer life_, heartbeat_, pause_;
  bool last_frame_sent_ = false;
  bool done_ = false;
};

// Which subscriptions are active. Any thread may call.
class Subscriptions {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Makes it the active one of its key and supersedes the one before. False within five seconds
  // after the one before began: then that one stays.
  bool begin(const SubscriptionKey& key, const std::shared_ptr<Subscription>& subscription,
             Time now);

 private:
  struct Begun {
    Time at;
    std::weak_ptr<Subscription> subscription;
  };
  Guarded<std::map<SubscriptionKey, Begun>> begun_;
};

}  // namespace tailrace::aws::kinesis
