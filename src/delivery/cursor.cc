#include "delivery/cursor.h"

#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/uuid.h"

namespace tailrace::delivery {
namespace {

// A read takes more than one small batch needs, since the log checks whole blocks at each read.
constexpr std::size_t read_records_max = 4096;
constexpr std::size_t read_bytes_max = 1u << 20;

// How many batches may be handled whose checkpoints are still being written. Enough to go on while
// SQLite syncs its file, and few enough to repeat after a kill.
constexpr std::uint64_t unwritten_max = 8;

}  // namespace

struct Cursor::Timer {
  boost::asio::steady_timer timer;
  std::uint64_t armed = 0;  // tells a wait that was cancelled too late
};

std::shared_ptr<Cursor> Cursor::start(const Workplace& workplace,
                                      std::shared_ptr<stream::Stream> stream,
                                      const stream::Shard& shard, TriggerSpec spec, Offset next,
                                      std::shared_ptr<Counters> counters,
                                      std::function<void(const Cursor&)> ended) {
  std::shared_ptr<Cursor> cursor{new Cursor(workplace, std::move(stream), shard, std::move(spec),
                                            next, std::move(counters), std::move(ended))};
  cursor->post([](Cursor& self) { self.look(); });
  return cursor;
}

Cursor::Cursor(const Workplace& workplace, std::shared_ptr<stream::Stream> stream,
               const stream::Shard& shard, TriggerSpec spec, Offset next,
               std::shared_ptr<Counters> counters, std::function<void(const Cursor&)> ended)
    : workplace_(workplace),
      shard_(shard.number),
      trigger_(spec.id),
      counters_(std::move(counters)),
      ended_(std::move(ended)),
      committed_(next),
      stream_(std::move(stream)),
      spec_(std::move(spec)),
      event_(workplace.account, spec_.stream, shard),
      next_(next),
      timer_(new Timer{boost::asio::steady_timer(workplace.io)}),
      random_(std::random_device{}()) {}

Cursor::~Cursor() = default;

void Cursor::change(TriggerSpec spec) {
  std::lock_guard lock(mutex_);
  if (state_ == State::stopped) return;
  bool changed = !(spec == spec_);
  spec_ = std::move(spec);
  if (state_ == State::broken || (state_ == State::backing_off && changed))
    post([](Cursor& self) { self.try_again(); });
  else
    post([](Cursor& self) { self.look(); });
}

void Cursor::stop() {
  // Let go after the lock: closing a stream takes its time.
  std::shared_ptr<stream::Stream> stream;
  std::lock_guard lock(mutex_);
  if (state_ == State::stopped) return;
  state_ = State::stopped;
  timer_.reset();
  waiting_ = {};
  ahead_ = {};
  batch_ = {};
  stream = std::move(stream_);
}

template <typename Handle>
void Cursor::post(Handle handle) {
  boost::asio::post(workplace_.io, [weak = weak_from_this(), handle = std::move(handle)]() mutable {
    auto self = weak.lock();
    if (!self) return;
    std::lock_guard lock(self->mutex_);
    if (self->state_ != State::stopped) handle(*self);
  });
}

void Cursor::look() {
  if (state_ == State::gathering) gather();
}

// Puts what the log has into the batch, and closes it when it is time.
void Cursor::gather() {
  bool full = fill();
  if (state_ != State::gathering) return;
  if (batch_.records == 0) {
    ahead_ = {};
    ahead_at_ = 0;
    return wait_for_records();
  }
  if (full || window_ == Window::over || spec_.batch_window.count() == 0) return close_batch();
  if (window_ == Window::closed) {
    window_ = Window::open;
    arm(spec_.batch_window);
  }
  wait_for_records();
}

void Cursor::wait_for_records() {
  waiting_ = stream_->when_readable(shard_, batch_.records > 0 ? batch_.next : next_,
                                    [weak = weak_from_this()] {
                                      if (auto self = weak.lock())
                                        self->post([](Cursor& cursor) { cursor.look(); });
                                    });
}

// True: nothing more goes into this batch. May leave the state `gathering`.
bool Cursor::fill() {
  while (batch_.records < spec_.batch_size) {
    if (ahead_at_ == ahead_.records.size()) switch (read_ahead()) {
        case Ahead::records:
          break;
        case Ahead::nothing:
          return false;
        case Ahead::end:
          if (batch_.records == 0) end_shard();
          return true;
        case Ahead::blocked:
          return batch_.records > 0;
      }
    const log::Record& record = ahead_.records[ahead_at_];
    switch (event_.add(record)) {
      case Event::Added::full:
        return true;
      case Event::Added::too_large:
        event_.add_too_large(record);
        begin_batch(record);
        ++ahead_at_;
        batch_.event = event_.finish();
        park(
            R"({"errorType":"Tailrace.EventTooLarge","errorMessage":"the event of this one record has )" +
            std::to_string(batch_.event->size()) + " bytes, a function takes at most " +
            std::to_string(event_bytes_max) + R"("})");
        return false;
      case Event::Added::yes:
        break;
    }
    if (batch_.records == 0) begin_batch(record);
    batch_.records = event_.count();
    batch_.next = record.offset + 1;
    ++ahead_at_;
  }
  return true;
}

void Cursor::begin_batch(const log::Record& first) {
  batch_.first = first.offset;
  batch_.next = first.offset + 1;
  batch_.records = 1;
  batch_.arrival_ms = first.arrival_ms;
  attempts_ = 0;
  deferrals_ = 0;
}

Cursor::Ahead Cursor::read_ahead() {
  bool gathered = batch_.records > 0;
  Offset from = gathered ? batch_.next : next_;
  auto read = stream_->read(shard_, from, read_records_max, read_bytes_max);
  if (!read) {
    if (gathered) return Ahead::blocked;  // the error is met again
    if (!stream_->has_expired(shard_)) {
      read_failed(read.error());
      return Ahead::blocked;
    }
    Offset end = stream_->latest(shard_);
    if (from < end) skip_retired(from, end);
    return Ahead::end;
  }
  log::Records& found = read->records;
  Offset oldest = found.records.empty() ? read->next : found.records.front().offset;
  if (from < oldest) {
    if (gathered) return Ahead::blocked;
    skip_retired(from, oldest);
  }
  if (stuck_since_ms_ != 0) {
    stuck_since_ms_ = 0;
    deferrals_ = 0;
    last_error_.clear();
  }
  if (found.records.empty()) return read->ended ? Ahead::end : Ahead::nothing;
  ahead_ = std::move(found);
  ahead_at_ = 0;
  return Ahead::records;
}

// The report goes out even if the checkpoint is there already: its answer is what starts the
// shards that this one became.
void Cursor::end_shard() {
  state_ = State::ended;
  ahead_ = {};
  ahead_at_ = 0;
  workplace_.ledger.advance(trigger_, shard_, next_,
                            [weak = weak_from_this(), report = ++reports_, next = next_] {
                              auto self = weak.lock();
                              if (!self) return;
                              self->written(report, next);
                              self->ended_(*self);
                            });
}

void Cursor::read_failed(const Error& error) {
  if (stuck_since_ms_ == 0) stuck_since_ms_ = unix_ms(workplace_.clock.now());
  last_error_ = error.message;
  if (error.fault != Fault::corrupt) return back_off(++deferrals_);
  state_ = State::broken;
  spdlog::error("trigger {}: shard {} stops before offset {}: {}", spec_.name, shard_, next_,
                error.message);
}

void Cursor::skip_retired(Offset from, Offset oldest) {
  counters_->retired += oldest - from;
  spdlog::warn(
      "trigger {}: shard {}: the retention deleted records {} to {} before the function had them; "
      "going on at {}",
      spec_.name, shard_, from, oldest - 1, oldest);
  next_ = oldest;
  report();
}

void Cursor::close_batch() {
  waiting_ = {};
  window_ = Window::closed;
  batch_.event = event_.finish();
  batch_.request_id = random_uuid();
  attempt();
}

void Cursor::attempt() {
  state_ = State::in_flight;
  ++attempts_;
  ++invocation_;
  auto done = [gate = workplace_.gate, weak = weak_from_this(),
               invocation = invocation_](Answer answer) {
    // Holds the io_context that is posted to.
    gate->pass([&] {
      if (auto self = weak.lock())
        self->post([invocation, answer = std::move(answer)](Cursor& cursor) mutable {
          cursor.answered(invocation, std::move(answer));
        });
    });
  };
  workplace_.invoker.invoke(spec_.function, batch_.request_id, batch_.event, std::move(done));
}

void Cursor::answered(std::uint64_t invocation, Answer answer) {
  if (state_ != State::in_flight || invocation != invocation_) return;
  switch (answer.kind) {
    case Answer::Kind::done:
      counters_->records += batch_.records;
      counters_->batches += 1;
      last_error_.clear();
      pass_batch();
      report();
      return go_on();
    case Answer::Kind::try_later:
      --attempts_;
      last_error_ = std::move(answer.error);
      return back_off(++deferrals_);
    case Answer::Kind::function_error:
      counters_->failures += 1;
      deferrals_ = 0;
      last_error_ = answer.error;
      if (attempts_ >= spec_.attempts_max) return park(std::move(answer.error));
      return back_off(attempts_);
  }
}

void Cursor::back_off(std::uint32_t failures) {
  state_ = State::backing_off;
  arm(workplace_.back_off.delay(failures, random_));
}

void Cursor::try_again() {
  if (state_ != State::backing_off && state_ != State::broken) return;
  if (batch_.event) return attempt();
  state_ = State::gathering;
  gather();
}

// Sets the batch aside. Nothing of the shard goes on before that is written.
void Cursor::park(std::string error) {
  state_ = State::parking;
  spdlog::warn("trigger {}: shard {}: records {} to {} parked after {} attempts: {}", spec_.name,
               shard_, batch_.first, batch_.next - 1, attempts_, error);
  Parked parked;
  parked.trigger = spec_.name;
  parked.stream = spec_.stream;
  parked.function = spec_.function;
  parked.shard = shard_;
  parked.first = batch_.first;
  parked.last = batch_.next - 1;
  parked.records = batch_.records;
  parked.attempts = attempts_;
  parked.time = workplace_.clock.now();
  parked.error = std::move(error);
  parked.event = *batch_.event;
  workplace_.ledger.park(std::move(parked), trigger_, batch_.next,
                         [weak = weak_from_this(), report = ++reports_, next = batch_.next] {
                           auto self = weak.lock();
                           if (!self) return;
                           self->written(report, next);
                           self->post([](Cursor& cursor) {
                             cursor.pass_batch();
                             cursor.go_on();
                           });
                         });
}

void Cursor::pass_batch() {
  next_ = batch_.next;
  batch_ = {};
  attempts_ = 0;
  deferrals_ = 0;
}

void Cursor::report() {
  workplace_.ledger.advance(trigger_, shard_, next_,
                            [weak = weak_from_this(), report = ++reports_, next = next_] {
                              if (auto self = weak.lock()) self->written(report, next);
                            });
}

void Cursor::written(std::uint64_t report, Offset next) {
  committed_ = next;
  reports_committed_ = report;
  if (waits_for_ledger_.exchange(false))
    post([](Cursor& self) {
      if (self.state_ == State::settling) self.go_on();
    });
}

void Cursor::go_on() {
  state_ = State::settling;
  waits_for_ledger_ = true;
  if (reports_ - reports_committed_ > unwritten_max) return;
  waits_for_ledger_ = false;
  state_ = State::gathering;
  gather();
}

void Cursor::arm(std::chrono::milliseconds delay) {
  timer_->timer.expires_after(delay);
  timer_->timer.async_wait(
      [weak = weak_from_this(), armed = ++timer_->armed](const boost::system::error_code& failed) {
        auto self = weak.lock();
        if (failed || !self) return;
        std::lock_guard lock(self->mutex_);
        if (self->state_ != State::stopped) self->timer_over(armed);
      });
}

void Cursor::timer_over(std::uint64_t timer) {
  if (timer != timer_->armed) return;
  if (state_ == State::backing_off) return try_again();
  if (state_ == State::gathering && window_ == Window::open) {
    window_ = Window::over;
    gather();
  }
}

Deliveries::CursorStatus Cursor::status() const {
  std::lock_guard lock(mutex_);
  Deliveries::CursorStatus status;
  status.shard = shard_;
  status.next = next_;
  status.end = stream_ ? stream_->latest(shard_) : next_;
  status.last_error = last_error_;
  if (batch_.event) status.attempt = attempts_;
  std::int64_t oldest_ms = 0;
  if (batch_.records > 0)
    oldest_ms = batch_.arrival_ms;
  else if (stuck_since_ms_ != 0)
    oldest_ms = stuck_since_ms_;  // at least so old
  if (oldest_ms != 0)
    status.lag_ms = std::max<std::int64_t>(0, unix_ms(workplace_.clock.now()) - oldest_ms);
  return status;
}

std::optional<std::string> Cursor::broken() const {
  std::lock_guard lock(mutex_);
  if (state_ != State::broken) return std::nullopt;
  return last_error_;
}

}  // namespace tailrace::delivery
