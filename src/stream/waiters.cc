#include "stream/waiters.h"

#include <iterator>
#include <utility>

namespace tailrace::stream {
namespace {

// Calls that one job makes; more of them are spread over the executor's threads.
constexpr std::size_t calls_per_job = 64;

}  // namespace

Waiting& Waiting::operator=(Waiting&& other) noexcept {
  if (this == &other) return *this;
  cancel();
  waiters_ = std::exchange(other.waiters_, {});
  shard_ = other.shard_;
  id_ = other.id_;
  return *this;
}

bool Waiting::cancel() {
  auto waiters = std::exchange(waiters_, {}).lock();
  return waiters && waiters->cancel(shard_, id_);
}

void Waiters::when_durable(log::StreamLog::Ticket ticket, DurableCall call) {
  std::optional<Result<void>> outcome;
  {
    std::lock_guard lock(mutex_);
    if (source_ == nullptr) return;
    auto failed = failed_locked();
    if (source_->durable() >= ticket)
      outcome = Result<void>();
    else if (failed)
      outcome = std::move(*failed);
    if (!outcome) {
      durable_.emplace(ticket, std::move(call));
      return;
    }
  }
  executor_([call = std::move(call), outcome = std::move(*outcome)] { call(outcome); });
}

Waiting Waiters::when_readable(ShardNumber shard, Offset from, std::function<void()> call) {
  {
    std::lock_guard lock(mutex_);
    if (source_ == nullptr) return {};
    if (!ended_ && source_->readable_before(shard) <= from) {
      std::uint64_t id = next_id_++;
      readers_[shard].emplace(id, Reader{from, std::move(call)});
      return Waiting(weak_from_this(), shard, id);
    }
  }
  executor_(std::move(call));
  return {};
}

void Waiters::flush() {
  {
    std::lock_guard lock(mutex_);
    if (!schedule_locked()) return;
  }
  post_sweep();
}

void Waiters::wake() {
  {
    std::lock_guard lock(mutex_);
    if ((durable_.empty() && readers_.empty()) || !schedule_locked()) return;
  }
  post_sweep();
}

void Waiters::wake_readers() {
  {
    std::lock_guard lock(mutex_);
    if (readers_.empty()) return;
    wake_all_readers_ = true;
    if (!schedule_locked()) return;
  }
  post_sweep();
}

void Waiters::end(const Error& error) {
  {
    std::lock_guard lock(mutex_);
    ended_ = error;
    if (!schedule_locked()) return;
  }
  post_sweep();
}

void Waiters::drop() {
  decltype(durable_) durable;
  decltype(readers_) readers;
  std::lock_guard lock(mutex_);
  source_ = nullptr;
  // What the calls hold is let go after the lock.
  durable.swap(durable_);
  readers.swap(readers_);
}

bool Waiters::schedule_locked() { return source_ != nullptr && !std::exchange(scheduled_, true); }

void Waiters::post_sweep() {
  executor_([self = shared_from_this()] { self->sweep(); });
}

void Waiters::sweep() {
  Calls calls;
  {
    std::lock_guard lock(mutex_);
    scheduled_ = false;
    if (source_ == nullptr) return;
    source_->flush();
    take_durable_locked(calls);
    take_readers_locked(calls);
  }
  run(std::move(calls));
}

// Asked before durable(): what became durable before the log was fenced is durable.
std::optional<Error> Waiters::failed_locked() const { return ended_ ? ended_ : source_->fenced(); }

void Waiters::take_durable_locked(Calls& calls) {
  auto failed = failed_locked();
  auto reached = durable_.upper_bound(source_->durable());
  auto take = [&](auto begin, auto end, const Result<void>& outcome) {
    for (auto at = begin; at != end; ++at)
      calls.push_back([call = std::move(at->second), outcome] { call(outcome); });
    durable_.erase(begin, end);
  };
  take(durable_.begin(), reached, {});
  if (failed) take(durable_.begin(), durable_.end(), *failed);
}

void Waiters::take_readers_locked(Calls& calls) {
  // Only once: who waits on a fenced log afterwards waits for something else.
  bool fence_is_news = !fence_told_ && source_->fenced();
  fence_told_ = fence_told_ || fence_is_news;
  bool all = std::exchange(wake_all_readers_, false) || fence_is_news || ended_;
  for (auto shard = readers_.begin(); shard != readers_.end();) {
    Offset readable = source_->readable_before(shard->first);
    for (auto reader = shard->second.begin(); reader != shard->second.end();) {
      if (!all && reader->second.from >= readable) {
        ++reader;
        continue;
      }
      calls.push_back(std::move(reader->second.call));
      reader = shard->second.erase(reader);
    }
    shard = shard->second.empty() ? readers_.erase(shard) : std::next(shard);
  }
}

void Waiters::run(Calls calls) {
  std::size_t at = 0;
  for (; calls.size() - at > calls_per_job; at += calls_per_job) {
    auto begin = std::make_move_iterator(calls.begin() + static_cast<std::ptrdiff_t>(at));
    executor_([some = Calls(begin, begin + calls_per_job)] {
      for (const auto& call : some) call();
    });
  }
  for (; at < calls.size(); ++at) calls[at]();
}

bool Waiters::cancel(ShardNumber shard, std::uint64_t id) {
  std::function<void()> call;  // what it holds is let go after the lock
  std::lock_guard lock(mutex_);
  auto found = readers_.find(shard);
  if (found == readers_.end()) return false;
  auto reader = found->second.find(id);
  if (reader == found->second.end()) return false;
  call = std::move(reader->second.call);
  found->second.erase(reader);
  if (found->second.empty()) readers_.erase(found);
  return true;
}

}  // namespace tailrace::stream
