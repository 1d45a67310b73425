#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/guarded.h"
#include "base/result.h"
#include "base/sqlite.h"
#include "delivery/deliveries.h"

namespace tailrace::delivery {

// What delivery has done, in delivery.sqlite: how far each trigger is in each shard, and the
// batches it gave up.
//
// A thread of its own writes what cursors report: what queues up while one transaction is being
// written becomes the next one, so that many shards cost few commits. A write that fails (a full
// disk) is tried again until it succeeds. Any thread may call.
class Ledger {
 public:
  // `committed` is called on the ledger's thread after each transaction of reports.
  static Result<std::unique_ptr<Ledger>> open(const std::string& file,
                                              std::function<void()> committed);
  // Writes what was reported, if the disk lets it.
  ~Ledger();

  using Offsets = std::map<ShardNumber, Offset>;

  // What a trigger has in this incarnation of its stream.
  Result<Offsets> checkpoints(const std::string& trigger, std::uint64_t incarnation);
  // Adds or replaces checkpoints, and forgets those in other incarnations and in the shards that
  // are gone.
  Result<void> pin(const std::string& trigger, std::uint64_t incarnation, const Offsets& offsets,
                   const std::vector<ShardNumber>& gone = {});
  // Also drops what was reported of the trigger and is not yet written.
  Result<void> forget(const std::string& trigger);

  // Reports. A shard's first one is where it begins, unless it was pinned.
  void begin(const std::string& trigger, std::uint64_t incarnation, ShardNumber shard, Offset next);
  // `done` is called on the ledger's thread when the report is committed; of several
  // advances of one shard that were committed together only the last is called.
  void advance(const std::string& trigger, ShardNumber shard, Offset next,
               std::function<void()> done);
  // Adds the batch to the parked ones and moves the checkpoint, in one transaction.
  void park(Parked batch, const std::string& trigger, Offset next, std::function<void()> done);

  Result<std::vector<Parked>> parked();
  Result<Parked> parked(std::uint64_t id);
  Result<void> discard(std::uint64_t id);
  // A parked batch was given to its function once more, in vain.
  Result<void> failed_again(std::uint64_t id, const std::string& error);
  // How many batches of each trigger (by name) are parked.
  std::map<std::string, std::uint64_t> parked_counts() const;

  // Why reports cannot be written at the moment.
  std::optional<Error> failure() const;

 private:
  struct Begin {
    std::uint64_t incarnation = 0;
    Offset next = 0;
  };
  struct Advance {
    Offset next = 0;
    std::function<void()> done;
  };
  struct Parking {
    Parked batch;
    std::string trigger;
    Offset next = 0;
    std::function<void()> done;
  };
  struct Reports {
    std::map<std::pair<std::string, ShardNumber>, Begin> begins;
    std::map<std::pair<std::string, ShardNumber>, Advance> advances;
    std::vector<Parking> parkings;
    bool empty() const { return begins.empty() && advances.empty() && parkings.empty(); }
  };
  struct Database {
    std::unique_ptr<Sqlite> file;
    SqliteStatement begin, advance, park, list, show, discard, failed_again;
  };

  Ledger(Database database, std::function<void()> committed);
  Result<void> count_parked();
  void run();
  Result<void> write(Database& database, Reports& reports);

  Guarded<Database> database_;  // locked before mutex_
  std::function<void()> committed_;
  Guarded<std::map<std::string, std::uint64_t>> parked_counts_;
  Guarded<std::optional<Error>> failure_;

  std::mutex mutex_;
  std::condition_variable changed_;
  Reports reports_;
  bool stopping_ = false;
  std::thread writer_;
};

}  // namespace tailrace::delivery
