#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "log/stream_log.h"

namespace tailrace::stream {

// Runs a call soon on another thread: posts it to a pool.
using Executor = std::function<void(std::function<void()>)>;

class Waiters;

// Somebody waits for a shard. Going out of scope takes the wait back.
class Waiting {
 public:
  Waiting() = default;
  Waiting(Waiting&& other) noexcept { *this = std::move(other); }
  Waiting& operator=(Waiting&& other) noexcept;
  ~Waiting() { cancel(); }

  // True: the callback will not be called. False: it was called, is running or about to be.
  bool cancel();

 private:
  friend class Waiters;
  Waiting(std::weak_ptr<Waiters> waiters, ShardNumber shard, std::uint64_t id)
      : waiters_(std::move(waiters)), shard_(shard), id_(id) {}

  // Weak: who waits need not outlive the stream, nor the other way round.
  std::weak_ptr<Waiters> waiters_;
  ShardNumber shard_ = 0;
  std::uint64_t id_ = 0;
};

// Who waits for a stream to move on, without a thread each: the stream tells that it moved, and one
// job on the executor calls all those whose time has come. Any thread may call. No callback runs
// while a lock is held here.
class Waiters : public std::enable_shared_from_this<Waiters> {
 public:
  // What is waited for, and told to move on. Called with a lock held: it must not call back.
  class Source {
   public:
    virtual ~Source() = default;
    // Moves on with what it has gathered.
    virtual void flush() = 0;
    virtual log::StreamLog::Ticket durable() const = 0;
    virtual std::optional<Error> fenced() const = 0;
    // Whoever waits to read the shard from below this offset need not wait any longer.
    virtual Offset readable_before(ShardNumber shard) const = 0;
  };

  // Until drop() the source must live.
  Waiters(Source& source, Executor executor) : source_(&source), executor_(std::move(executor)) {}

  void when_durable(log::StreamLog::Ticket ticket, std::function<void(Result<void>)> call);
  [[nodiscard]] Waiting when_readable(ShardNumber shard, Offset from, std::function<void()> call);

  // The source is told to move on by the next sweep, which comes behind the jobs that the executor
  // has by now unless one is on its way already.
  void flush();
  // The source has moved on. Never blocks.
  void wake();
  // Calls all who wait to read, whatever they wait for.
  void wake_readers();
  // Calls all, those who wait for durability with the error; so is everybody from now on.
  void end(const Error& error);
  // Forgets all, and everybody from now on: nobody is called any more.
  void drop();

 private:
  friend class Waiting;
  using Calls = std::vector<std::function<void()>>;
  using DurableCall = std::function<void(Result<void>)>;
  struct Reader {
    Offset from = 0;
    std::function<void()> call;
  };

  // Says whether a job is to be posted; the caller does it without the lock.
  bool schedule_locked();
  void post_sweep();
  void sweep();
  std::optional<Error> failed_locked() const;
  void take_durable_locked(Calls& calls);
  void take_readers_locked(Calls& calls);
  void run(Calls calls);
  bool cancel(ShardNumber shard, std::uint64_t id);

  std::mutex mutex_;
  Source* source_;  // nothing after drop()
  const Executor executor_;
  bool scheduled_ = false;
  bool fence_told_ = false;
  bool wake_all_readers_ = false;
  std::optional<Error> ended_;
  std::uint64_t next_id_ = 1;
  std::multimap<log::StreamLog::Ticket, DurableCall> durable_;
  std::unordered_map<ShardNumber, std::map<std::uint64_t, Reader>> readers_;
};

}  // namespace tailrace::stream
