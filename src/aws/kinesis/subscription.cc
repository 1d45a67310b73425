#include "aws/kinesis/subscription.h"

#include <utility>

#include "aws/event_stream.h"
#include "aws/kinesis/data_plane.h"
#include "aws/kinesis/names.h"
#include "aws/kinesis/position.h"
#include "aws/writer.h"

namespace tailrace::aws::kinesis {
namespace {

using namespace std::chrono_literals;

constexpr auto life = 5min;
// AWS sends one about every 5 s; the SDK for Java gives up after 10 s without.
constexpr auto heartbeat = 5s;
constexpr auto takeover_after = 5s;
constexpr std::size_t event_records_max = 10'000;
// A record may be larger. KCL keeps ten events; this bounds what it and we hold of them.
constexpr std::size_t event_bytes_max = 1u << 20;

}  // namespace

Subscription::Subscription(DataPlane& plane, SubscriptionKey key,
                           std::shared_ptr<stream::Stream> stream, stream::Shard shard, Offset from,
                           Codec codec)
    : plane_(plane),
      key_(std::move(key)),
      stream_(std::move(stream)),
      shard_(shard),
      codec_(codec),
      next_(from) {}

void Subscription::start(std::shared_ptr<Call> call) {
  call_ = std::move(call);
  if (plane_.open.add(shared_from_this())) kick();
}

void Subscription::begin() {
  auto call = std::exchange(call_, nullptr);
  std::weak_ptr<Subscription> weak = weak_from_this();
  responder_ = call->start_events(when_written());
  responder_->on_gone([weak] {
    auto self = weak.lock();
    if (!self) return;
    self->peer_left_ = true;
    self->kick();
  });
  life_ = plane_.timers->after(life, [weak] {
    auto self = weak.lock();
    if (!self) return;
    self->time_is_up_ = true;
    self->kick();
  });
}

std::function<void(bool)> Subscription::when_written() {
  return [weak = weak_from_this()](bool taken) {
    auto self = weak.lock();
    if (!self) return;
    if (!taken) self->peer_left_ = true;
    self->writing_ = false;
    self->kick();
  };
}

void Subscription::supersede() {
  superseded_ = true;
  kick();
}

// Ended as after five minutes: the client subscribes again where it stopped.
void Subscription::close() {
  std::lock_guard lock(mutex_);
  if (responder_) responder_->end();
  finish();
}

void Subscription::kick() {
  serial_.run([self = shared_from_this()] { self->step(); });
}

// Looks at all that may have happened. One frame is on its way at a time, so whatever is to be told
// to a peer that does not read waits for it; what else there is to know is looked at again then.
void Subscription::step() {
  std::lock_guard lock(mutex_);
  if (done_) return;
  if (call_) return begin();
  if (peer_left_) return finish();
  if (writing_) return;
  if (last_frame_sent_) return end();
  if (superseded_)
    return fail(
        {"ResourceInUseException", "Another active subscription exists for this consumer: " +
                                       consumer_arn(plane_.account, stream_->spec()->name,
                                                    key_.consumer, key_.consumer_created_seconds)});
  if (time_is_up_) return end();
  send_events();
}

void Subscription::send_events() {
  auto spec = stream_->spec();
  if (consumer_is_gone(*spec))
    return fail({"ResourceNotFoundException", "Consumer " + key_.consumer + " of stream " +
                                                  spec->name + " under account " +
                                                  plane_.account.id + " not found."});
  std::chrono::milliseconds owed{};
  if (spec->aws_limits) owed = pace_.until(1, plane_.clock.steady());
  Result<stream::Stream::Read> read = stream::Stream::Read{.next = next_};
  if (owed.count() == 0)
    read = stream_->read(shard_.number, next_, event_records_max, event_bytes_max);
  if (!read) {
    auto error = std::move(read).error();
    if (error.fault == Fault::not_found)
      error = gone_shard_error(plane_, spec->name, shard_.number);
    auto failure = failure_of(error);
    if (failure.status != 400) failure.type = "InternalFailureException";
    return fail(failure);
  }

  next_ = read->next;
  if (read->records.records.empty() && !read->ended && !idle_) return wait_for_more(owed);
  if (spec->aws_limits)
    for (const auto& record : read->records.records)
      pace_.take(static_cast<double>(record.payload.size() + record.partition_key.size()));
  last_frame_sent_ = read->ended;
  send(event_of(*read, *spec));
}

std::string Subscription::event_of(const stream::Stream::Read& read,
                                   const stream::StreamSpec& spec) {
  auto now = now_ms(plane_);
  std::string frame;
  auto begun = begin_event_frame(frame, codec_, "SubscribeToShardEvent");
  auto writer = make_writer(codec_, frame);
  writer->begin_map();
  write_records(*writer, spec, shard_, read.records);
  writer->integer("MillisBehindLatest",
                  millis_behind_latest(*stream_, shard_.number, read.records, read.next, now));
  // One or the other, never both: what KCL takes for the end of a shard.
  if (read.ended)
    write_child_shards(*writer, stream_->children(shard_.number));
  else
    writer->text("ContinuationSequenceNumber", continuation_number(shard_, read.next, now));
  writer->end_map();
  end_event_frame(frame, begun);
  return frame;
}

// The next step is made by the shard, by the heartbeat, or by whoever else kicks.
void Subscription::wait_for_more(std::chrono::milliseconds owed) {
  std::weak_ptr<Subscription> weak = weak_from_this();
  if (owed.count() > 0) {
    pause_ = plane_.timers->after(owed, [weak] {
      if (auto self = weak.lock()) self->kick();
    });
  } else {
    waiting_ = stream_->when_readable(shard_.number, next_, [weak] {
      if (auto self = weak.lock()) self->kick();
    });
  }
  if (heartbeat_) return;
  heartbeat_ = plane_.timers->after(heartbeat, [weak] {
    auto self = weak.lock();
    if (!self) return;
    self->idle_ = true;
    self->kick();
  });
}

void Subscription::send(std::string frame) {
  waiting_.cancel();
  heartbeat_.reset();
  pause_.reset();
  idle_ = false;
  writing_ = true;
  responder_->write(std::move(frame), when_written());
}

void Subscription::fail(const Failure& failure) {
  last_frame_sent_ = true;
  send(exception_frame(codec_, failure));
}

void Subscription::end() {
  responder_->end();
  finish();
}

void Subscription::finish() {
  if (done_) return;
  done_ = true;
  waiting_.cancel();
  life_.reset();
  heartbeat_.reset();
  pause_.reset();
  responder_.reset();
  plane_.open.remove(shared_from_this());
}

bool Subscription::consumer_is_gone(const stream::StreamSpec& spec) const {
  const auto* consumer = spec.find_consumer(key_.consumer);
  return !consumer || consumer->created_seconds != key_.consumer_created_seconds;
}

bool Subscriptions::begin(const SubscriptionKey& key,
                          const std::shared_ptr<Subscription>& subscription, Time now) {
  std::shared_ptr<Subscription> before;
  bool begun = begun_.with([&](auto& all) {
    if (auto found = all.find(key); found != all.end()) {
      if (now - found->second.at < takeover_after) return false;
      before = found->second.subscription.lock();
    }
    std::erase_if(all, [&](const auto& entry) {
      return entry.second.subscription.expired() && now - entry.second.at >= takeover_after;
    });
    all[key] = {now, subscription};
    return true;
  });
  if (before) before->supersede();
  return begun;
}

void subscribe_to_shard(DataPlane& plane, std::shared_ptr<Call> call) {
  const auto& input = call->input();
  auto resource = consumer_of(plane.account, input);
  if (!resource) return call->fail(failure_of(resource.error()));
  auto stream = find_stream(plane, resource->stream);
  if (!stream) return call->fail(failure_of(stream.error()));
  auto spec = (*stream)->spec();
  auto consumer = find_consumer(plane.account, *spec, *resource);
  if (!consumer) return call->fail(failure_of(consumer.error()));
  auto number = shard_of(plane.account, spec->name, input["ShardId"].text());
  if (!number) return call->fail(failure_of(number.error()));
  auto shard = (*stream)->shard(*number);
  if (!shard) return call->fail(failure_of(gone_shard_error(plane, spec->name, *number)));

  const auto& starting = input["StartingPosition"];
  Position position{.type = starting["Type"].text(), .action = "SubscribeToShard"};
  if (const auto& text = starting["SequenceNumber"]) position.sequence_number = text.text();
  if (const auto& time = starting["Timestamp"]) position.timestamp_ms = time.epoch_millis();
  auto from = offset_of(**stream, *shard, position, plane.account, now_ms(plane));
  if (!from) return call->fail(failure_of(from.error()));

  SubscriptionKey key{spec->incarnation, consumer->name, consumer->created_seconds, *number};
  auto subscription =
      std::make_shared<Subscription>(plane, key, std::move(*stream), *shard, *from, call->codec());
  if (!plane.subscriptions->begin(key, subscription, plane.clock.steady()))
    return call->fail(
        {"ResourceInUseException", "Another active subscription exists for this consumer: " +
                                       std::string(input["ConsumerARN"].text())});
  subscription->start(std::move(call));
}

}  // namespace tailrace::aws::kinesis
