#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>

#include "base/clock.h"
#include "base/gate.h"
#include "base/result.h"
#include "delivery/back_off.h"
#include "delivery/deliveries.h"
#include "delivery/event.h"
#include "delivery/ledger.h"
#include "stream/stream.h"

namespace tailrace::delivery {

// What all cursors work with. Outlives them until they are stopped.
struct Workplace {
  boost::asio::io_context& io;
  Invoker& invoker;
  Ledger& ledger;
  Clock& clock;
  BackOff back_off;
  Account account;
  std::shared_ptr<Gate> gate;  // shared with invocations that nobody waits for any more
};

// What a trigger's cursors did since it was put.
struct Counters {
  std::atomic<std::uint64_t> records{0}, batches{0}, failures{0}, retired{0};
};

// Gives the records of one shard to the trigger's function, batch after batch.
//
//   gathering ──batch closed──▶ in_flight ──done──▶ gathering        (the checkpoint is reported)
//       ▲                        │     ▲  └─too many checkpoints unwritten─▶ settling ─▶ gathering
//       │                  failed│     │over
//       │                        ▼     │
//       └──parked── parking ◀── backing_off
//
// gathering waits for a record or for the batch window to end. A shard that was split or merged
// comes to an end: gathering ──nothing is left──▶ ended, for ever. Every event (a wake, a
// timer, an answer, a commit) is posted to the io_context and handled under one mutex, so that
// after stop() nothing runs any more, whichever threads run the io_context, if any.
class Cursor : public std::enable_shared_from_this<Cursor> {
 public:
  // Starts at `next`, which the ledger holds or was told of. Stop it before the Workplace goes.
  // `ended` is called once, on the ledger's thread, when the shard is closed and all that it holds
  // is handled, and the ledger has that written.
  static std::shared_ptr<Cursor> start(const Workplace& workplace,
                                       std::shared_ptr<stream::Stream> stream,
                                       const stream::Shard& shard, TriggerSpec spec, Offset next,
                                       std::shared_ptr<Counters> counters,
                                       std::function<void(const Cursor&)> ended);
  ~Cursor();

  // For what is done from now on. A cursor that stopped over damage, or that waits to try a batch
  // again while the spec has changed, tries at once.
  void change(TriggerSpec spec);
  // Forgets the batch in flight.
  void stop();

  // Every record below it is handled, and the ledger has it written.
  Offset committed() const { return committed_; }
  Deliveries::CursorStatus status() const;
  // Why it does not run.
  std::optional<std::string> broken() const;

 private:
  enum class State { gathering, in_flight, backing_off, settling, parking, ended, broken, stopped };
  struct Timer;
  // What one invocation takes along.
  struct Batch {
    Offset first = 0, next = 0;
    std::uint32_t records = 0;
    std::int64_t arrival_ms = 0;  // of its first record
    std::string request_id;
    std::shared_ptr<const std::string> event;
  };

  Cursor(const Workplace& workplace, std::shared_ptr<stream::Stream> stream,
         const stream::Shard& shard, TriggerSpec spec, Offset next,
         std::shared_ptr<Counters> counters, std::function<void(const Cursor&)> ended);

  // Any thread.
  template <typename Handle>
  void post(Handle handle);
  void written(std::uint64_t report, Offset next);

  // All below: under the mutex.
  void look();
  void gather();
  bool fill();
  enum class Ahead {
    records,
    nothing,
    end,      // the shard has come to its end
    blocked,  // what was gathered so far goes out first, or an error was met
  };
  Ahead read_ahead();
  void wait_for_records();
  void end_shard();
  void read_failed(const Error& error);
  void skip_retired(Offset from, Offset oldest);
  void begin_batch(const log::Record& first);
  void close_batch();
  void attempt();
  void answered(std::uint64_t invocation, Answer answer);
  void back_off(std::uint32_t failures);
  void try_again();
  void park(std::string error);
  void pass_batch();
  void report();
  void go_on();
  void arm(std::chrono::milliseconds delay);
  void timer_over(std::uint64_t timer);

  const Workplace& workplace_;
  const ShardNumber shard_;
  const std::string trigger_;  // its id
  const std::shared_ptr<Counters> counters_;
  const std::function<void(const Cursor&)> ended_;

  // Written by the ledger's thread.
  std::atomic<bool> waits_for_ledger_{false};
  std::atomic<Offset> committed_;
  std::atomic<std::uint64_t> reports_committed_{0};

  mutable std::mutex mutex_;
  State state_ = State::gathering;
  std::shared_ptr<stream::Stream> stream_;
  stream::Waiting waiting_;
  TriggerSpec spec_;
  Event event_;  // of the batch that is being gathered
  Batch batch_;
  log::Records ahead_;  // read and not yet in a batch, from ahead_at_ on
  std::size_t ahead_at_ = 0;
  Offset next_;  // the first record that is not handled
  enum class Window { closed, open, over } window_ = Window::closed;
  std::uint32_t attempts_ = 0;   // of the batch; the one in flight counts
  std::uint32_t deferrals_ = 0;  // answers "try later", or failed reads, in a row
  std::uint64_t invocation_ = 0;
  std::uint64_t reports_ = 0;
  std::int64_t stuck_since_ms_ = 0;  // while records cannot be read
  std::string last_error_;
  std::unique_ptr<Timer> timer_;
  std::minstd_rand random_;
};

}  // namespace tailrace::delivery
