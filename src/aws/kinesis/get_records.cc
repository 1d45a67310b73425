#include <algorithm>
#include <atomic>
#include <ctime>
#include <mutex>
#include <optional>
#include <string>

#include "aws/kinesis/data_plane.h"
#include "aws/kinesis/names.h"
#include "aws/kinesis/serial.h"
#include "aws/writer.h"
#include "base/whole_number.h"

namespace tailrace::aws::kinesis {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t records_max = 10'000;
constexpr std::size_t bytes_max = 10u << 20;
constexpr std::int64_t iterator_life_ms = 300'000;
constexpr milliseconds wait_max{20'000};

// "Thu Jan 22 01:22:02 UTC 2015"
std::string date_text(std::int64_t ms) {
  std::time_t seconds = ms / 1000;
  std::tm fields{};
  gmtime_r(&seconds, &fields);
  char text[64];
  return {text, std::strftime(text, sizeof text, "%a %b %d %H:%M:%S UTC %Y", &fields)};
}

Failure expired(std::int64_t issued_ms, std::int64_t now_ms) {
  return {"ExpiredIteratorException",
          "Iterator expired. The iterator was created at time " + date_text(issued_ms) +
              " while right now it is " + date_text(now_ms) +
              " which is further in the future than the tolerated delay of " +
              std::to_string(iterator_life_ms) + " milliseconds."};
}

milliseconds wait_of(const Call& call) {
  auto wait = parse_whole<std::int64_t>(call.header("x-tailrace-wait-ms"));
  if (!wait || *wait < 0) return {};
  return std::min(milliseconds{*wait}, wait_max);
}

// One call. It is tried at once and, where it may wait, again whenever the shard has something new.
class Get final : public http::OpenAnswer, public std::enable_shared_from_this<Get> {
 public:
  Get(DataPlane& plane, std::shared_ptr<Call> call, std::shared_ptr<stream::Stream> stream,
      stream::Shard shard, ShardIterator iterator)
      : plane_(plane),
        call_(std::move(call)),
        stream_(std::move(stream)),
        shard_(shard),
        iterator_(std::move(iterator)) {}

  void start(milliseconds wait) {
    wait_ = wait;
    if (wait.count() > 0 && plane_.open.add(shared_from_this()))
      kick();
    else
      attempt();
  }

  // Answered with what there is: its client goes on from there once the server is back.
  void close() override {
    std::lock_guard lock(mutex_);
    if (done_) return;
    time_is_up_ = true;
    attempt();
  }

 private:
  void kick() {
    serial_.run([self = shared_from_this()] { self->step(); });
  }

  void step() {
    std::lock_guard lock(mutex_);
    if (done_) return;
    if (peer_left_) return finish();
    if (!timer_ && !time_is_up_) begin_waiting();
    attempt();
  }

  void begin_waiting() {
    auto kick_after_setting = [weak = weak_from_this()](std::atomic<bool> Get::*flag) {
      return [weak, flag] {
        auto self = weak.lock();
        if (!self) return;
        (*self).*flag = true;
        self->kick();
      };
    };
    call_->on_gone(kick_after_setting(&Get::peer_left_));
    timer_ = plane_.timers->after(wait_, kick_after_setting(&Get::time_is_up_));
  }

  void attempt() {
    auto limit = call_->input()["Limit"].integer_or(records_max);
    auto read =
        stream_->read(shard_.number, iterator_.offset, static_cast<std::size_t>(limit), bytes_max);
    if (!read) {
      auto error = std::move(read).error();
      if (error.fault == Fault::not_found)
        error = gone_shard_error(plane_, iterator_.stream, shard_.number);
      call_->fail(failure_of(error));
      return finish();
    }
    if (read->records.records.empty() && !read->ended && timer_ && !time_is_up_) {
      waiting_ = stream_->when_readable(shard_.number, read->next, [weak = weak_from_this()] {
        if (auto self = weak.lock()) self->kick();
      });
      return;
    }
    answer(*read);
    finish();
  }

  void answer(const stream::Stream::Read& read) {
    auto spec = stream_->spec();
    if (spec->aws_limits) {
      std::size_t bytes = 0;
      for (const auto& record : read.records.records)
        bytes += record.payload.size() + record.partition_key.size();
      plane_.limits.count_read({spec->incarnation, shard_.number}, bytes, plane_.clock.steady());
    }
    auto now = now_ms(plane_);
    auto behind = millis_behind_latest(*stream_, shard_.number, read.records, read.next, now);
    call_->answer([&](Writer& writer) {
      write_records(writer, *spec, shard_, read.records);
      writer.integer("MillisBehindLatest", behind);
      // One or the other, never both: what KCL takes for the end of a shard.
      if (read.ended) {
        write_child_shards(writer, stream_->children(shard_.number));
      } else {
        auto next = iterator_;
        next.offset = read.next;
        next.issued_ms = now;
        writer.text("NextShardIterator", plane_.iterators.seal(next));
      }
    });
  }

  void finish() {
    if (done_) return;
    done_ = true;
    waiting_.cancel();
    timer_.reset();
    plane_.open.remove(shared_from_this());
  }

  DataPlane& plane_;
  const std::shared_ptr<Call> call_;
  const std::shared_ptr<stream::Stream> stream_;
  const stream::Shard shard_;
  const ShardIterator iterator_;

  Serial serial_;
  milliseconds wait_{};
  std::atomic<bool> time_is_up_{false};
  std::atomic<bool> peer_left_{false};
  std::mutex mutex_;  // held while trying: close() waits for it
  stream::Waiting waiting_;
  Timer timer_;
  bool done_ = false;
};

}  // namespace

void get_records(DataPlane& plane, std::shared_ptr<Call> call) {
  const auto& input = call->input();
  auto iterator = plane.iterators.open(input["ShardIterator"].text());
  if (!iterator) return call->fail({"InvalidArgumentException", "Invalid ShardIterator."});
  if (input["StreamARN"]) {
    auto named = stream_of(plane.account, input);
    if (!named) return call->fail(failure_of(named.error()));
    if (*named != iterator->stream)
      return call->fail({"InvalidArgumentException",
                         "The ShardIterator is not of the stream that StreamARN names."});
  }
  auto now = now_ms(plane);
  if (now - iterator->issued_ms > iterator_life_ms)
    return call->fail(expired(iterator->issued_ms, now));

  auto gone = [&] {
    call->fail(failure_of(gone_shard_error(plane, iterator->stream, iterator->shard)));
  };
  auto stream = plane.streams.find(iterator->stream);
  if (!stream) return gone();
  auto spec = stream->spec();
  auto shard = stream->shard(iterator->shard);
  if (spec->incarnation != iterator->incarnation || !shard) return gone();
  if (spec->aws_limits &&
      !plane.limits.admit_get_records({spec->incarnation, shard->number}, plane.clock.steady()))
    return call->fail(throttled(plane, spec->name, shard->number));

  auto wait = wait_of(*call);
  std::make_shared<Get>(plane, std::move(call), std::move(stream), *shard, std::move(*iterator))
      ->start(wait);
}

}  // namespace tailrace::aws::kinesis
