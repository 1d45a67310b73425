#include "stream/stream.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/clock.h"

namespace tailrace::stream {
namespace {

constexpr std::uint64_t last_counter = std::numeric_limits<std::int64_t>::max();

std::string number_of(ShardNumber shard, std::int64_t created_seconds, std::uint64_t counter,
                      std::int64_t seconds) {
  return to_string(SequenceNumber{.shard_created_seconds = created_seconds,
                                  .shard = shard,
                                  .counter = counter,
                                  .record_seconds = seconds});
}

}  // namespace

void run_inline(std::function<void()> call) { call(); }

std::string sequence_number(const Shard& shard, Offset offset, std::int64_t arrival_ms) {
  return number_of(shard.number, shard.created_seconds, offset + 1, seconds_of_ms(arrival_ms));
}

std::string starting_sequence_number(const Shard& shard) {
  return number_of(shard.number, shard.created_seconds, 0, shard.created_seconds);
}

std::string ending_sequence_number(const Shard& shard) {
  TAILRACE_CHECK(shard.closed_ms);
  return number_of(shard.number, shard.created_seconds, last_counter,
                   seconds_of_ms(*shard.closed_ms));
}

// What changes together.
struct Stream::State {
  std::shared_ptr<const StreamSpec> spec;
  std::shared_ptr<const Routes> routes;
  // A shard closed since the stream was opened has all its records once this is durable.
  std::map<ShardNumber, log::StreamLog::Ticket> last_tickets;
  // Of all shards since the stream was opened: who has read a record may ask for its number though
  // the shard is gone.
  std::map<ShardNumber, std::int64_t> created_seconds;
};

Stream::Stream(StreamSpec spec, std::unique_ptr<log::StreamLog> log, Clock& clock,
               Executor executor)
    : clock_(clock),
      name_(spec.name),
      log_(std::move(log)),
      waiters_(
          std::make_shared<Waiters>(static_cast<Waiters::Source&>(*this), std::move(executor))) {
  auto state = std::make_shared<State>();
  state->routes = std::make_shared<const Routes>(spec.shards);
  for (const Shard& shard : spec.shards)
    state->created_seconds[shard.number] = shard.created_seconds;
  state->spec = std::make_shared<const StreamSpec>(std::move(spec));
  state_ = std::move(state);
  subscription_ = log_->subscribe([waiters = waiters_.get()] { waiters->wake(); });
}

Stream::~Stream() {
  log_->unsubscribe(subscription_);
  waiters_->drop();
}

std::shared_ptr<const Stream::State> Stream::state() const {
  std::shared_lock lock(mutex_);
  return state_;
}

std::int64_t Stream::now_ms() const { return unix_ms(clock_.now()); }

std::shared_ptr<const StreamSpec> Stream::spec() const { return state()->spec; }

std::vector<Shard> Stream::shards() const {
  auto spec = this->spec();
  std::vector<Shard> listed;
  std::int64_t now = now_ms();
  std::copy_if(spec->shards.begin(), spec->shards.end(), std::back_inserter(listed),
               [&](const Shard& shard) { return !spec->is_expired(shard, now); });
  return listed;
}

std::optional<Shard> Stream::shard(ShardNumber number) const {
  auto spec = this->spec();
  const Shard* found = spec->find_shard(number);
  if (found == nullptr || spec->is_expired(*found, now_ms())) return std::nullopt;
  return *found;
}

bool Stream::has_expired(ShardNumber number) const { return !why_deleted() && !shard(number); }

std::vector<Shard> Stream::children(ShardNumber number) const {
  auto spec = this->spec();
  std::vector<Shard> children;
  std::copy_if(spec->shards.begin(), spec->shards.end(), std::back_inserter(children),
               [&](const Shard& shard) {
                 return shard.parent == number || shard.adjacent_parent == number;
               });
  return children;
}

std::vector<Shard> Stream::open_shards() const { return state()->routes->shards(); }

void Stream::adopt(StreamSpec spec) {
  std::lock_guard one_at_a_time(adopting_);
  auto before = state();
  TAILRACE_CHECK(spec.name == name_ && spec.incarnation == before->spec->incarnation);
  auto after = std::make_shared<State>();
  after->routes = std::make_shared<const Routes>(spec.shards);
  // Batches that were routed by these need not be looked at again.
  if (*after->routes == *before->routes) after->routes = before->routes;
  after->created_seconds = before->created_seconds;
  std::vector<ShardNumber> closed;
  for (const Shard& shard : spec.shards) {
    after->created_seconds[shard.number] = shard.created_seconds;
    if (shard.is_open()) continue;
    auto last = before->last_tickets.find(shard.number);
    if (last != before->last_tickets.end())
      after->last_tickets.insert(*last);
    else if (const Shard* known = before->spec->find_shard(shard.number);
             known == nullptr || known->is_open())
      closed.push_back(shard.number);
  }
  after->spec = std::make_shared<const StreamSpec>(std::move(spec));
  {
    std::unique_lock lock(mutex_);
    for (ShardNumber shard : closed) after->last_tickets[shard] = log_->appended();
    state_ = std::move(after);
  }
  waiters_->wake_readers();
}

// ---- writing

Batch Stream::begin_batch() const { return Batch(state()->routes, clock_.now()); }

template <typename Enter>
Result<log::StreamLog::Appended> Stream::enter(Batch& batch, Enter enter) {
  for (;;) {
    std::shared_lock lock(mutex_);
    if (deleted_) return deleted_error();
    auto routes = state_->routes;
    if (batch.routes_ == routes) return enter(batch.content_);
    lock.unlock();
    batch.route_anew(std::move(routes));
  }
}

Result<log::StreamLog::Appended> Stream::append(Batch& batch, std::chrono::milliseconds patience) {
  auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    // Asked before trying: room that is made after the refusal is not waited for once more.
    auto durable = log_->durable();
    auto appended = enter(batch, [&](log::Batch& content) {
      return log_->append(content, std::chrono::milliseconds{0});
    });
    if (appended) batch.restart();
    auto left =
        std::chrono::floor<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (appended || appended.error().fault != Fault::unavailable || left.count() <= 0)
      return appended;
    // Not with the lock held: resharding must not wait for the disk, nor others behind it.
    (void)log_->wait_durable(durable + 1, left);
  }
}

Result<Stream::Put> Stream::put(Batch& batch) {
  auto appended = enter(batch, [&](log::Batch& content) { return log_->queue(content); });
  if (!appended) return std::move(appended).error();
  waiters_->flush();
  Put put;
  put.ticket = appended->ticket;
  put.places.reserve(batch.added_.size());
  for (const Batch::Added& added : batch.added_) {
    TAILRACE_CHECK(!added.everywhere);
    auto first = std::lower_bound(
        appended->firsts.begin(), appended->firsts.end(), added.shard,
        [](const auto& candidate, ShardNumber wanted) { return candidate.shard < wanted; });
    put.places.push_back({added.shard, first->offset++});
  }
  batch.restart();
  return put;
}

void Stream::when_durable(log::StreamLog::Ticket ticket, std::function<void(Result<void>)> call) {
  waiters_->when_durable(ticket, std::move(call));
}

// ---- reading

Error Stream::deleted_error() const {
  return Error{Fault::not_found, "the stream " + name_ + " was deleted"};
}

Result<void> Stream::check_shard(const State& state, ShardNumber shard) const {
  const Shard* found = state.spec->find_shard(shard);
  if (found != nullptr && !state.spec->is_expired(*found, now_ms())) return {};
  return Error{Fault::not_found,
               "the stream " + name_ + " has no shard " + shard_id(shard) +
                   (found ? " any more: all its records are past the retention" : "")};
}

bool Stream::is_complete(const State& state, ShardNumber shard) const {
  const Shard* found = state.spec->find_shard(shard);
  if (found == nullptr || found->is_open()) return false;
  auto last = state.last_tickets.find(shard);
  return last == state.last_tickets.end() || last->second <= log_->durable();
}

Result<Offset> Stream::first_visible(const State& state, ShardNumber shard) {
  auto first = log_->offset_at(shard, state.spec->visible_from_ms(now_ms()));
  if (!first) return first;
  return std::max(*first, log_->first_offset(shard));
}

Result<Stream::Read> Stream::read(ShardNumber shard, Offset from, std::size_t records_max,
                                  std::size_t bytes_max) {
  if (auto error = why_deleted()) return *error;
  auto state = this->state();
  if (auto known = check_shard(*state, shard); !known) return std::move(known).error();
  // Asked before reading: then what is read is all there will be.
  bool complete = is_complete(*state, shard);
  std::int64_t visible_from_ms = state->spec->visible_from_ms(now_ms());
  Read out;
  out.next = from;
  for (;;) {
    out.next = std::max(out.next, log_->first_offset(shard));
    auto read = log_->read(shard, out.next, records_max, bytes_max);
    bool is_old =
        read ? !read->records.empty() && read->records.front().arrival_ms < visible_from_ms
             : read.error().fault == Fault::not_found || read.error().fault == Fault::corrupt;
    if (is_old) {
      auto first = first_visible(*state, shard);
      if (!first) return std::move(first).error();
      if (*first > out.next) {
        out.next = *first;
        continue;
      }
    }
    if (!read) {
      if (auto error = why_deleted()) return *error;
      return std::move(read).error();
    }
    out.next = read->next;
    bool had_records = !read->records.empty();
    // Arrival times may go backwards a little within a shard.
    std::erase_if(read->records,
                  [&](const log::Record& record) { return record.arrival_ms < visible_from_ms; });
    if (had_records && read->records.empty()) continue;
    out.records = std::move(*read);
    out.ended = complete && out.next >= log_->end_offset(shard);
    return out;
  }
}

Result<Offset> Stream::horizon(ShardNumber shard) {
  if (auto error = why_deleted()) return *error;
  auto state = this->state();
  if (auto known = check_shard(*state, shard); !known) return std::move(known).error();
  return first_visible(*state, shard);
}

Offset Stream::latest(ShardNumber shard) const { return log_->end_offset(shard); }

Result<Offset> Stream::offset_at(ShardNumber shard, std::int64_t arrival_ms) {
  auto first = horizon(shard);
  if (!first) return first;
  auto found = log_->offset_at(shard, arrival_ms);
  if (!found) return found;
  return std::max(*first, *found);
}

Offset Stream::readable_before(ShardNumber shard) const {
  auto state = this->state();
  if (!check_shard(*state, shard) || is_complete(*state, shard))
    return std::numeric_limits<Offset>::max();
  return log_->end_offset(shard);
}

Waiting Stream::when_readable(ShardNumber shard, Offset from, std::function<void()> call) {
  return waiters_->when_readable(shard, from, std::move(call));
}

std::string Stream::sequence_number(ShardNumber shard, const log::Record& record) const {
  auto state = this->state();
  auto created = state->created_seconds.find(shard);
  TAILRACE_CHECK(created != state->created_seconds.end());
  return number_of(shard, created->second, record.offset + 1, seconds_of_ms(record.arrival_ms));
}

// ---- upkeep

Result<std::size_t> Stream::retire() {
  if (auto error = why_deleted()) return *error;
  auto spec = this->spec();
  auto retired = log_->retire(spec->visible_from_ms(now_ms()), spec->retention_bytes);
  if (!retired) return std::move(retired).error().during("stream " + name_);
  return retired;
}

std::optional<Error> Stream::why_deleted() const {
  std::shared_lock lock(mutex_);
  if (deleted_) return deleted_error();
  return std::nullopt;
}

void Stream::end_for_deletion() {
  {
    std::unique_lock lock(mutex_);
    deleted_ = true;
  }
  log_->abandon(deleted_error());
  waiters_->end(deleted_error());
}

}  // namespace tailrace::stream
