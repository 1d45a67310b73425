#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "record/account.h"
#include "record/sequence_number.h"
#include "stream/streams.h"

namespace boost::asio {
class io_context;
}

namespace tailrace::delivery {

// What the catalogue keeps of an event source mapping; a trigger in YAML.
struct TriggerSpec {
  std::string name;  // "<stream>/<function>" when declared in YAML
  std::string id;    // a UUID
  std::string stream;
  std::string function;
  std::uint32_t batch_size = 100;             // records, 1 to 10,000
  std::chrono::milliseconds batch_window{0};  // 0 to 300 s
  enum class Start { trim_horizon, latest, timestamp } start = Start::trim_horizon;
  std::int64_t start_ms = 0;  // with Start::timestamp, since 1970
  // How often a batch is given to a function that fails, before it is parked; 1 to 10,001.
  std::uint32_t attempts_max = 10;
  bool operator==(const TriggerSpec&) const = default;
};

struct Answer {
  enum class Kind {
    done,            // the function answered
    function_error,  // it failed: counts as an attempt
    try_later,       // it could not be asked (throttled, platform): does not count
  } kind = Kind::done;
  std::string error;  // the error's JSON
  std::string request_id;
};

// How a batch reaches its function: delivery itself never starts a process.
class Invoker {
 public:
  virtual ~Invoker() = default;
  // `done` may run on any thread. `request_id` is the same for every attempt of one batch.
  virtual void invoke(const std::string& function, const std::string& request_id,
                      std::shared_ptr<const std::string> event,
                      std::function<void(Answer)> done) = 0;
};

// A batch that was given up, with its event and why.
struct Parked {
  std::uint64_t id = 0;
  std::string trigger, stream, function;
  ShardNumber shard = 0;
  Offset first = 0, last = 0;
  std::uint32_t records = 0, attempts = 0;
  UnixMicros time;
  std::string error;  // the last attempt's error JSON
  std::string event;  // the whole event; empty in lists
};

// Gives streams' records to functions: per trigger and shard one cursor, one batch in flight, in
// order. A shard that was split or merged is handled to its end before the shards that it became
// begin (a merged one after both its parents), so that each key's order is kept. A checkpoint moves
// only after the function answered or the batch was parked, and parking and checkpoint are one
// SQLite transaction. At least once: after a kill the batches in flight are delivered again.
//
// A trigger begins, where its start says, in the shards that the stream has then: with
// trim_horizon in the oldest that have not expired. Shards that appear later are read from their
// first record, whatever the start says.
//
// Checkpoints live in delivery.sqlite of the data folder (WAL, synchronous NORMAL: a kill loses
// nothing that was committed, a power cut may repeat the last batches). They are written beside
// delivery, which runs at most eight batches ahead of them. A checkpoint beyond the stream's end is
// clamped, with a warning; one of another incarnation of the stream is forgotten. Those of closed
// shards stay until the shard has expired: with the stream's shards they tell after a restart which
// shards are to be read. Any thread may call. The io_context must outlive this.
class Deliveries {
 public:
  struct Options {
    std::string file;  // .../delivery.sqlite
    Account account;
    std::chrono::milliseconds retry_delay_min{100};
    std::chrono::milliseconds retry_delay_max{60000};
  };
  static Result<std::unique_ptr<Deliveries>> make(boost::asio::io_context& io, Options options,
                                                  stream::Streams& streams, Invoker& invoker,
                                                  Clock& clock);
  // Batches in flight are abandoned: they are delivered again after the next start. No callback
  // runs afterwards, and an answer that comes later is ignored. Not from inside a callback.
  virtual ~Deliveries() = default;

  // Adds or changes a trigger and starts its cursors; a known trigger (same id) keeps its
  // checkpoints. Start::latest is pinned when this returns. A cursor that stopped over damage tries
  // again. Fault::not_found: no such stream. Fault::invalid: a number out of its range.
  virtual Result<void> put(TriggerSpec spec) = 0;
  // Forgets the trigger's checkpoints; what it parked stays.
  virtual Result<void> remove(const std::string& id) = 0;

  // Whether every trigger of the stream has handled every record below these ends (parked counts).
  // `ends`: shard and offset pairs.
  virtual bool delivered(const std::string& stream,
                         const std::vector<std::pair<ShardNumber, Offset>>& ends) const = 0;
  // Wakes whenever a checkpoint moved or a trigger left. `wake` must be brief and may not
  // (un)subscribe; after unsubscribe() returns it is not running.
  virtual std::uint64_t subscribe(std::function<void()> wake) = 0;
  virtual void unsubscribe(std::uint64_t subscription) = 0;

  virtual Result<std::vector<Parked>> parked() = 0;
  virtual Result<Parked> parked(std::uint64_t id) = 0;
  // Invokes the function once with the parked event; on success the batch leaves the list. The
  // function's error comes as Fault::conflict and replaces the one in the list; Fault::unavailable
  // when it could not be asked. `done` runs on the io_context.
  virtual void redrive(std::uint64_t id, std::function<void(Result<void>)> done) = 0;
  virtual Result<void> discard(std::uint64_t id) = 0;

  struct CursorStatus {
    ShardNumber shard = 0;
    Offset next = 0, end = 0;  // what it gives next; the shard's end
    bool waits_for_parent = false;
    std::int64_t lag_ms = 0;    // age of the oldest record not yet handled, as far as known
    std::uint32_t attempt = 0;  // of the batch in flight; 0: none
    std::string last_error;
  };
  struct Status {
    TriggerSpec spec;
    std::vector<CursorStatus> cursors;       // by shard; not of those that are handled to their end
    std::uint64_t records = 0, batches = 0;  // that the function took, since the start
    std::uint64_t failures = 0;              // function errors, since the start
    std::uint64_t parked = 0;                // batches that are parked now
    std::uint64_t retired = 0;               // records that the retention deleted before their turn
    std::string error;                       // why the trigger does not run, empty if it does
  };
  virtual std::vector<Status> status() const = 0;
};

}  // namespace tailrace::delivery
