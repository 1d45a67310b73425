#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "aws/kinesis/data_plane.h"
#include "aws/kinesis/names.h"
#include "aws/writer.h"
#include "base/clock.h"
#include "base/guarded.h"

// A record goes from the request's body straight into the bytes that reach the disk. It is answered
// once the group that holds it is as durable as the stream promises.
namespace tailrace::aws::kinesis {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t request_bytes_max = 10u << 20;
// How long a put waits for room in the log's queue before its client is told to try again. AWS's
// clients give up an answer after 5 seconds at the earliest (KPL: 6).
constexpr auto patience = 4s;

// One PutRecord or PutRecords on its way.
class Put final : public std::enable_shared_from_this<Put> {
 public:
  Put(DataPlane& plane, std::shared_ptr<Call> call, std::shared_ptr<stream::Stream> stream)
      : clock_(plane.clock),
        timers_(plane.timers),
        call_(std::move(call)),
        stream_(std::move(stream)),
        spec_(stream_->spec()),
        arrival_(plane.clock.now()),
        batch_(stream_->begin_batch()) {
    batch_.set_arrival(arrival_);
  }

  // Checks the record and adds it to the batch. Fault::invalid fails the whole request. A record
  // that the stream's limits hold back is left out and remembered.
  Result<void> add(DataPlane& plane, const Value& record) {
    auto data = record["Data"].bytes();
    auto key = record["PartitionKey"].text();
    auto bytes = data.size() + key.size();
    if (auto bytes_max = std::size_t{spec_->max_record_kib} << 10; bytes > bytes_max)
      return Error{Fault::invalid, "Record size of " + std::to_string(bytes) +
                                       " bytes exceeds the maximum record size of " +
                                       std::to_string(bytes_max) + " bytes of stream " +
                                       spec_->name + " under account " + plane.account.id + "."};
    bytes_ += bytes;
    if (bytes_ > request_bytes_max)
      return Error{Fault::invalid, "Records size exceeds 10 MB limit"};
    auto hash = hash_of(record, key);
    if (!hash) return std::move(hash).error();
    if (spec_->aws_limits) {
      auto shard = batch_.shard_for(*hash);
      bool admitted =
          plane.limits.admit_record({spec_->incarnation, shard}, bytes, clock_.steady());
      held_back_.emplace_back();
      if (!admitted) {
        held_back_.back() = throttled(plane, spec_->name, shard);
        return {};
      }
    }
    batch_.begin_record(key, *hash).append(data);
    batch_.end_record();
    return {};
  }

  bool empty() const { return batch_.empty(); }
  // Of the records added, in their order: why one was left out. Empty without limits.
  const std::vector<std::optional<Failure>>& held_back() const { return held_back_; }

  // Calls `answer` once the batch is durable; a failure is answered here.
  using Answer = void (*)(Put&, const stream::Stream::Put&);
  void start(Answer answer) {
    answer_ = answer;
    attempt(Attempt::one_of_many);
  }

  Call& call() { return *call_; }
  const stream::StreamSpec& spec() const { return *spec_; }

  void write_place(Writer& writer, const stream::Stream::Put::Place& place) {
    // Shards may have changed since the batch was begun.
    if (!spec_->find_shard(place.shard)) spec_ = stream_->spec();
    writer.text("ShardId", shard_id(place.shard));
    writer.text("SequenceNumber", stream::sequence_number(*spec_->find_shard(place.shard),
                                                          place.offset, unix_ms(arrival_)));
  }

 private:
  Result<HashKey> hash_of(const Value& record, std::string_view key) {
    const auto& explicit_key = record["ExplicitHashKey"];
    if (!explicit_key) return hash_key_of(key);
    if (auto hash = parse_hash_key(explicit_key.text())) return *hash;
    return Error{Fault::invalid,
                 "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
                 "Specified value was " +
                     std::string(explicit_key.text())};
  }

  enum class Attempt { one_of_many, last };

  void attempt(Attempt which) {
    // Asked first: what fills the queue when put() finds it full lies behind this ticket.
    auto durable = stream_->log().durable();
    auto put = stream_->put(batch_);
    if (put) {
      auto ticket = put->ticket;
      stream_->when_durable(
          ticket, [self = shared_from_this(), put = std::move(*put)](const Result<void>& outcome) {
            if (!outcome) return self->fail(outcome.error());
            self->answer_(*self, put);
          });
    } else if (put.error().fault == Fault::unavailable && which != Attempt::last) {
      wait_for_room(durable + 1);
    } else {
      fail(std::move(put).error());
    }
  }

  // A put that waits, for whoever comes first: the queue, which moves on with each group; the
  // timer, since a disk that has stopped altogether moves nothing; or the peer, who leaves. The
  // others find nobody, so what the stream still holds then is small.
  class Waiter {
   public:
    explicit Waiter(std::shared_ptr<Put> put) : put_(std::move(put)) {}
    std::shared_ptr<Put> take() {
      return put_.with([](std::shared_ptr<Put>& put) { return std::exchange(put, nullptr); });
    }

   private:
    Guarded<std::shared_ptr<Put>> put_;
  };

  void wait_for_room(log::StreamLog::Ticket ticket) {
    auto now = clock_.steady();
    if (!deadline_) deadline_ = now + patience;
    auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline_ - now);
    auto waiter = std::make_shared<Waiter>(shared_from_this());
    call_->on_gone([weak = std::weak_ptr(waiter)] {
      if (auto waiting = weak.lock()) waiting->take();
    });
    auto timer = timers_->after(std::max(left, std::chrono::milliseconds{0}), [waiter] {
      if (auto put = waiter->take()) put->attempt(Attempt::last);
    });
    stream_->when_durable(ticket, [waiter, timer = std::move(timer)](const Result<void>&) {
      if (auto put = waiter->take()) put->attempt(Attempt::one_of_many);
    });
  }

  void fail(Error error) {
    // AWS's "full" is a quota; a disk without room is a reason to try again.
    if (error.fault == Fault::full) error.fault = Fault::unavailable;
    call_->fail(failure_of(error));
  }

  // Of the plane it uses nothing but these once it has started: it may outlive it.
  Clock& clock_;
  const std::shared_ptr<Timers> timers_;
  const std::shared_ptr<Call> call_;
  const std::shared_ptr<stream::Stream> stream_;
  std::shared_ptr<const stream::StreamSpec> spec_;
  const UnixMicros arrival_;
  stream::Batch batch_;
  std::size_t bytes_ = 0;
  std::vector<std::optional<Failure>> held_back_;
  Answer answer_ = nullptr;
  std::optional<std::chrono::steady_clock::time_point> deadline_;  // of waiting for room
};

Result<std::shared_ptr<Put>> begin(DataPlane& plane, const std::shared_ptr<Call>& call) {
  auto name = stream_of(plane.account, call->input());
  if (!name) return std::move(name).error();
  auto stream = find_stream(plane, *name);
  if (!stream) return std::move(stream).error();
  return std::make_shared<Put>(plane, call, std::move(*stream));
}

void write_encryption(Writer& writer, const stream::StreamSpec& spec) {
  if (!spec.kms_key_id.empty()) writer.text("EncryptionType", "KMS");
}

void answer_record(Put& put, const stream::Stream::Put& done) {
  put.call().answer([&](Writer& writer) {
    put.write_place(writer, done.places.front());
    write_encryption(writer, put.spec());
  });
}

void answer_records(Put& put, const stream::Stream::Put& done) {
  const auto& held_back = put.held_back();
  auto count = held_back.empty() ? done.places.size() : held_back.size();
  put.call().answer([&](Writer& writer) {
    writer.integer("FailedRecordCount", static_cast<std::int64_t>(count - done.places.size()));
    writer.begin_list("Records");
    auto place = done.places.begin();
    for (std::size_t i = 0; i < count; ++i) {
      writer.begin_map();
      if (!held_back.empty() && held_back[i]) {
        writer.text("ErrorCode", held_back[i]->type);
        writer.text("ErrorMessage", held_back[i]->message);
      } else {
        put.write_place(writer, *place++);
      }
      writer.end_map();
    }
    writer.end_list();
    write_encryption(writer, put.spec());
  });
}

// A number from before: what is put now gets a larger one in any case, since it is put after that
// one was answered. What cannot be from before is refused.
Result<void> check_ordering(const DataPlane& plane, const std::string& stream, const Value& number,
                            std::int64_t now_ms) {
  if (!number) return {};
  auto parsed = parse_sequence_number(number.text());
  if (parsed && parsed->record_seconds <= now_ms / 1000) return {};
  return Error{Fault::invalid, "ExclusiveMinimumSequenceNumber " + std::string(number.text()) +
                                   " used in PutRecord on stream " + stream + " under account " +
                                   plane.account.id + " is invalid."};
}

}  // namespace

void put_record(DataPlane& plane, std::shared_ptr<Call> call) {
  auto begun = begin(plane, call);
  if (!begun) return call->fail(failure_of(begun.error()));
  Put& put = **begun;
  const auto& input = call->input();
  auto checked =
      check_ordering(plane, put.spec().name, input["SequenceNumberForOrdering"], now_ms(plane));
  if (checked) checked = put.add(plane, input);
  if (!checked) return call->fail(failure_of(checked.error()));
  if (put.empty()) return call->fail(*put.held_back().front());
  put.start(answer_record);
}

void put_records(DataPlane& plane, std::shared_ptr<Call> call) {
  auto begun = begin(plane, call);
  if (!begun) return call->fail(failure_of(begun.error()));
  Put& put = **begun;
  for (const auto& record : call->input()["Records"].items())
    if (auto added = put.add(plane, record); !added) return call->fail(failure_of(added.error()));
  if (put.empty()) return answer_records(put, {});
  put.start(answer_records);
}

}  // namespace tailrace::aws::kinesis
