#include "delivery/deliveries.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <set>

#include "base/guarded.h"
#include "base/uuid.h"
#include "delivery/cursor.h"
#include "delivery/ledger.h"
#include "stream/reading_order.h"

namespace tailrace::delivery {
namespace {

Result<void> check(const TriggerSpec& spec) {
  auto invalid = [&](std::string what) {
    return Error{Fault::invalid, "trigger " + spec.name + ": " + std::move(what)};
  };
  if (spec.id.empty()) return invalid("has no id");
  if (spec.batch_size < 1 || spec.batch_size > 10000)
    return invalid("batch size " + std::to_string(spec.batch_size) + " is not in 1 to 10000");
  if (spec.batch_window.count() < 0 || spec.batch_window > std::chrono::seconds(300))
    return invalid("batch window " + std::to_string(spec.batch_window.count()) +
                   " ms is not in 0 to 300000");
  if (spec.attempts_max < 1 || spec.attempts_max > 10001)
    return invalid("attempts " + std::to_string(spec.attempts_max) + " are not in 1 to 10001");
  return {};
}

Result<Offset> start_of(const TriggerSpec& spec, stream::Stream& stream, ShardNumber shard) {
  switch (spec.start) {
    case TriggerSpec::Start::trim_horizon:
      return stream.horizon(shard);
    case TriggerSpec::Start::latest:
      return stream.latest(shard);
    case TriggerSpec::Start::timestamp:
      return stream.offset_at(shard, spec.start_ms);
  }
  __builtin_unreachable();
}

struct Trigger {
  TriggerSpec spec;
  std::shared_ptr<stream::Stream> stream;
  std::shared_ptr<Counters> counters;
  // Where the ledger has it that shards begin which have no cursor yet. One that appears later is
  // not here and begins at its first record.
  Ledger::Offsets points;
  stream::ReadingOrder order;
  std::map<ShardNumber, std::shared_ptr<Cursor>> cursors;  // of the shards that are being read

  void stop() {
    for (auto& [shard, cursor] : cursors) cursor->stop();
  }

  Offset begin_of(ShardNumber shard) const {
    auto point = points.find(shard);
    return point == points.end() ? 0 : point->second;
  }
  bool is_handled(ShardNumber shard, Offset below) const {
    if (auto cursor = cursors.find(shard); cursor != cursors.end())
      return cursor->second->committed() >= below;
    return order.has_ended(shard) || begin_of(shard) >= below || !stream->shard(shard);
  }
};

class AllDeliveries final : public Deliveries {
 public:
  AllDeliveries(boost::asio::io_context& io, Options options, stream::Streams& streams,
                Invoker& invoker, Clock& clock)
      : options_(std::move(options)),
        streams_(streams),
        io_(io),
        invoker_(invoker),
        clock_(clock) {}
  ~AllDeliveries() override;

  Result<void> open();

  Result<void> put(TriggerSpec spec) override;
  Result<void> remove(const std::string& id) override;
  bool delivered(const std::string& stream,
                 const std::vector<std::pair<ShardNumber, Offset>>& ends) const override;
  std::uint64_t subscribe(std::function<void()> wake) override;
  void unsubscribe(std::uint64_t subscription) override;
  Result<std::vector<Parked>> parked() override { return ledger_->parked(); }
  Result<Parked> parked(std::uint64_t id) override { return ledger_->parked(id); }
  void redrive(std::uint64_t id, std::function<void(Result<void>)> done) override;
  Result<void> discard(std::uint64_t id) override;
  std::vector<Status> status() const override;

 private:
  using Triggers = std::map<std::string, Trigger>;  // by id

  Result<void> find_points(Trigger& trigger);
  void start_cursors(Trigger& trigger);
  void shard_ended(const std::string& id, ShardNumber shard, const Cursor& cursor);
  void notify();
  Result<void> redriven(std::uint64_t id, Answer answer);

  const Options options_;
  stream::Streams& streams_;
  boost::asio::io_context& io_;
  Invoker& invoker_;
  Clock& clock_;
  const std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<Workplace> workplace_;

  struct Subscribers {
    std::uint64_t last = 0;
    std::map<std::uint64_t, std::function<void()>> wakes;
  };
  // Neither lock is taken while the other is held: a wake may ask delivered().
  Guarded<Subscribers> subscribers_;
  mutable Guarded<Triggers> triggers_;
  Guarded<std::set<std::uint64_t>> redriving_;
};

Result<void> AllDeliveries::open() {
  auto ledger = Ledger::open(options_.file, [this] { notify(); });
  if (!ledger) return std::move(ledger).error();
  ledger_ = std::move(*ledger);
  workplace_.reset(new Workplace{io_,
                                 invoker_,
                                 *ledger_,
                                 clock_,
                                 {options_.retry_delay_min, options_.retry_delay_max},
                                 options_.account,
                                 gate_});
  return {};
}

AllDeliveries::~AllDeliveries() {
  gate_->close();
  subscribers_.with([](Subscribers& subscribers) { subscribers.wakes.clear(); });
  triggers_.with([](Triggers& triggers) {
    for (auto& [id, trigger] : triggers) trigger.stop();
    triggers.clear();
  });
  ledger_.reset();  // its thread still posts for cursors, so it ends before the workplace
}

Result<void> AllDeliveries::put(TriggerSpec spec) {
  if (auto valid = check(spec); !valid) return valid;
  auto stream = streams_.find(spec.stream);
  if (!stream)
    return Error{Fault::not_found, "trigger " + spec.name + ": there is no stream " + spec.stream};
  return triggers_.with([&](Triggers& triggers) -> Result<void> {
    auto known = triggers.find(spec.id);
    if (known != triggers.end() && known->second.stream != stream) {
      known->second.stop();
      triggers.erase(known);
      known = triggers.end();
    }
    if (known != triggers.end()) {
      known->second.spec = spec;
      for (auto& [shard, cursor] : known->second.cursors) cursor->change(spec);
      return {};
    }
    Trigger trigger{spec, stream, std::make_shared<Counters>(), {}, {}, {}};
    if (auto found = find_points(trigger); !found)
      return std::move(found).error().during("trigger " + spec.name);
    start_cursors(trigger);
    triggers.emplace(spec.id, std::move(trigger));
    return {};
  });
}

// Where the stream's shards begin, pinned in the ledger.
Result<void> AllDeliveries::find_points(Trigger& trigger) {
  stream::Stream& stream = *trigger.stream;
  std::uint64_t incarnation = stream.spec()->incarnation;
  auto checkpoints = ledger_->checkpoints(trigger.spec.id, incarnation);
  if (!checkpoints) return std::move(checkpoints).error();
  // The shards that came after it are what older ones became: nothing of them is left out.
  bool begun_before = !checkpoints->empty();
  Ledger::Offsets to_pin;
  for (const stream::Shard& shard : stream.shards()) {
    auto checkpoint = checkpoints->find(shard.number);
    Offset end = stream.latest(shard.number);
    if (checkpoint != checkpoints->end() && checkpoint->second <= end) {
      trigger.points[shard.number] = checkpoint->second;
      continue;
    }
    Offset next = 0;
    if (checkpoint != checkpoints->end()) {
      spdlog::warn(
          "trigger {}: shard {}: the checkpoint {} is beyond the stream's end {}; going on there",
          trigger.spec.name, shard.number, checkpoint->second, end);
      next = end;
    } else if (!begun_before) {
      auto start = start_of(trigger.spec, stream, shard.number);
      if (!start)
        return std::move(start).error().during("find the start in " + shard_id(shard.number));
      next = *start;
    }
    trigger.points[shard.number] = to_pin[shard.number] = next;
  }
  std::vector<ShardNumber> expired;
  for (auto& [shard, next] : *checkpoints)
    if (!trigger.points.contains(shard)) expired.push_back(shard);
  if (to_pin.empty() && expired.empty()) return {};
  return ledger_->pin(trigger.spec.id, incarnation, to_pin, expired);
}

// Starts a cursor in every shard that has none and whose parents are handled.
void AllDeliveries::start_cursors(Trigger& trigger) {
  for (const stream::Shard& shard : trigger.order.begin(trigger.stream->shards())) {
    Offset next = trigger.begin_of(shard.number);
    if (trigger.points.erase(shard.number) == 0)
      ledger_->begin(trigger.spec.id, trigger.stream->spec()->incarnation, shard.number, next);
    trigger.cursors[shard.number] = Cursor::start(
        *workplace_, trigger.stream, shard, trigger.spec, next, trigger.counters,
        [this, gate = gate_, id = trigger.spec.id, number = shard.number](const Cursor& cursor) {
          gate->pass([&] { shard_ended(id, number, cursor); });
        });
  }
}

void AllDeliveries::shard_ended(const std::string& id, ShardNumber shard, const Cursor& cursor) {
  triggers_.with([&](Triggers& triggers) {
    auto known = triggers.find(id);
    if (known == triggers.end()) return;
    Trigger& trigger = known->second;
    auto ended = trigger.cursors.find(shard);
    if (ended == trigger.cursors.end() || ended->second.get() != &cursor) return;
    ended->second->stop();
    trigger.cursors.erase(ended);
    trigger.order.end(shard);
    start_cursors(trigger);
  });
}

Result<void> AllDeliveries::remove(const std::string& id) {
  auto removed = triggers_.with([&](Triggers& triggers) -> Result<void> {
    auto known = triggers.find(id);
    if (known == triggers.end()) return Error{Fault::not_found, "there is no trigger " + id};
    known->second.stop();
    triggers.erase(known);
    return ledger_->forget(id);
  });
  notify();
  return removed;
}

bool AllDeliveries::delivered(const std::string& stream,
                              const std::vector<std::pair<ShardNumber, Offset>>& ends) const {
  return triggers_.with([&](const Triggers& triggers) {
    for (auto& [id, trigger] : triggers) {
      if (trigger.spec.stream != stream) continue;
      for (auto& [shard, end] : ends)
        if (!trigger.is_handled(shard, end)) return false;
    }
    return true;
  });
}

std::uint64_t AllDeliveries::subscribe(std::function<void()> wake) {
  return subscribers_.with([&](Subscribers& subscribers) {
    subscribers.wakes[++subscribers.last] = std::move(wake);
    return subscribers.last;
  });
}

void AllDeliveries::unsubscribe(std::uint64_t subscription) {
  subscribers_.with([&](Subscribers& subscribers) { subscribers.wakes.erase(subscription); });
}

void AllDeliveries::notify() {
  subscribers_.with([](Subscribers& subscribers) {
    for (auto& [id, wake] : subscribers.wakes) wake();
  });
}

void AllDeliveries::redrive(std::uint64_t id, std::function<void(Result<void>)> done) {
  // `done` runs on the io_context, unless this has gone before its turn.
  auto finish = [this, gate = gate_, done = std::move(done)](Result<void> result) {
    boost::asio::post(io_, [gate, done, result = std::move(result)]() mutable {
      gate->pass([&] { done(std::move(result)); });
    });
  };
  if (!redriving_.with([&](auto& ids) { return ids.insert(id).second; }))
    return finish(Error{Fault::conflict,
                        "the parked batch " + std::to_string(id) + " is being redriven already"});
  auto end = [this, id, finish](Result<void> result) {
    redriving_.with([&](auto& ids) { ids.erase(id); });
    finish(std::move(result));
  };
  auto batch = ledger_->parked(id);
  if (!batch) return end(std::move(batch).error());
  if (batch->event.size() > event_bytes_max)
    return end(Error{Fault::invalid,
                     "the event of the parked batch " + std::to_string(id) + " has " +
                         std::to_string(batch->event.size()) + " bytes, a function takes at most " +
                         std::to_string(event_bytes_max) + "; it can only be discarded"});
  invoker_.invoke(batch->function, random_uuid(),
                  std::make_shared<const std::string>(std::move(batch->event)),
                  [this, gate = gate_, id, end](Answer answer) {
                    gate->pass([&] { end(redriven(id, std::move(answer))); });
                  });
}

Result<void> AllDeliveries::redriven(std::uint64_t id, Answer answer) {
  std::string name = "the parked batch " + std::to_string(id);
  switch (answer.kind) {
    case Answer::Kind::done:
      return ledger_->discard(id);
    case Answer::Kind::try_later:
      return Error{Fault::unavailable, name + " stays: the function could not be asked (" +
                                           answer.error + "); try again later"};
    case Answer::Kind::function_error:
      if (auto noted = ledger_->failed_again(id, answer.error); !noted) return noted;
      return Error{Fault::conflict, name + " stays: the function failed again: " + answer.error};
  }
  __builtin_unreachable();
}

Result<void> AllDeliveries::discard(std::uint64_t id) {
  if (redriving_.with([&](auto& ids) { return ids.contains(id); }))
    return Error{Fault::conflict,
                 "the parked batch " + std::to_string(id) + " is being redriven; wait for it"};
  return ledger_->discard(id);
}

std::vector<Deliveries::Status> AllDeliveries::status() const {
  auto parked = ledger_->parked_counts();
  auto failure = ledger_->failure();
  return triggers_.with([&](const Triggers& triggers) {
    std::vector<Status> all;
    for (auto& [id, trigger] : triggers) {
      Status status;
      status.spec = trigger.spec;
      status.records = trigger.counters->records;
      status.batches = trigger.counters->batches;
      status.failures = trigger.counters->failures;
      status.retired = trigger.counters->retired;
      status.parked = parked[trigger.spec.name];
      if (failure) status.error = "checkpoints cannot be written: " + failure->message;
      for (auto& [shard, cursor] : trigger.cursors) {
        status.cursors.push_back(cursor->status());
        auto broken = cursor->broken();
        if (!broken) continue;
        if (!status.error.empty()) status.error += "; ";
        status.error += shard_id(shard) + " stopped: " + *broken;
      }
      for (const stream::Shard& shard : trigger.stream->shards()) {
        if (trigger.cursors.contains(shard.number) || trigger.order.has_ended(shard.number))
          continue;
        CursorStatus waiting;
        waiting.shard = shard.number;
        waiting.next = trigger.begin_of(shard.number);
        waiting.end = trigger.stream->latest(shard.number);
        waiting.waits_for_parent = true;
        status.cursors.push_back(waiting);
      }
      std::ranges::sort(status.cursors, {}, &CursorStatus::shard);
      all.push_back(std::move(status));
    }
    return all;
  });
}

}  // namespace

Result<std::unique_ptr<Deliveries>> Deliveries::make(boost::asio::io_context& io, Options options,
                                                     stream::Streams& streams, Invoker& invoker,
                                                     Clock& clock) {
  auto deliveries =
      std::make_unique<AllDeliveries>(io, std::move(options), streams, invoker, clock);
  if (auto opened = deliveries->open(); !opened) return std::move(opened).error();
  return std::unique_ptr<Deliveries>(std::move(deliveries));
}

}  // namespace tailrace::delivery
