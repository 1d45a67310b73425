#include "delivery/ledger.h"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <chrono>

namespace tailrace::delivery {
namespace {

constexpr const char* schema = R"(
  CREATE TABLE checkpoints (
    trigger TEXT NOT NULL,        -- the trigger's id
    shard INTEGER NOT NULL,
    incarnation INTEGER NOT NULL, -- of the stream
    next INTEGER NOT NULL,        -- the offset that is given next
    PRIMARY KEY (trigger, shard)
  ) WITHOUT ROWID;
  CREATE TABLE parked (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    trigger TEXT NOT NULL,        -- the trigger's name
    stream TEXT NOT NULL,
    function TEXT NOT NULL,
    shard INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    records INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    time INTEGER NOT NULL,        -- microseconds since 1970
    error TEXT NOT NULL,
    event TEXT NOT NULL
  );
)";

// How soon a failed write is tried again: a disk is seldom made free within less.
constexpr std::chrono::milliseconds retry_delay{250};

// The columns before `event`, in the order of the table.
constexpr const char* list_parked =
    "SELECT id, trigger, stream, function, shard, first, last, records, attempts, time, error "
    "FROM parked ORDER BY id";
constexpr const char* show_parked =
    "SELECT id, trigger, stream, function, shard, first, last, records, attempts, time, error, "
    "event FROM parked WHERE id = ?";

Parked read_parked(const SqliteStatement& row) {
  Parked parked;
  parked.id = static_cast<std::uint64_t>(row.integer(0));
  parked.trigger = row.text(1);
  parked.stream = row.text(2);
  parked.function = row.text(3);
  parked.shard = static_cast<ShardNumber>(row.integer(4));
  parked.first = static_cast<Offset>(row.integer(5));
  parked.last = static_cast<Offset>(row.integer(6));
  parked.records = static_cast<std::uint32_t>(row.integer(7));
  parked.attempts = static_cast<std::uint32_t>(row.integer(8));
  parked.time = UnixMicros(std::chrono::microseconds(row.integer(9)));
  parked.error = row.text(10);
  return parked;
}

Error no_such_batch(std::uint64_t id) {
  return {Fault::not_found, "there is no parked batch " + std::to_string(id)};
}

}  // namespace

Result<std::unique_ptr<Ledger>> Ledger::open(const std::string& file,
                                             std::function<void()> committed) {
  auto sqlite = Sqlite::open(file, Sqlite::Synchronous::normal, Sqlite::Check::header);
  if (!sqlite) return std::move(sqlite).error();
  if (auto upgraded = (*sqlite)->upgrade({schema}); !upgraded) return std::move(upgraded).error();

  Database database;
  const std::pair<SqliteStatement*, const char*> statements[] = {
      {&database.begin,
       "INSERT OR IGNORE INTO checkpoints (trigger, shard, incarnation, next) VALUES (?, ?, ?, ?)"},
      // Only what pin() and begin() have made: a report that comes after forget() changes nothing.
      {&database.advance, "UPDATE checkpoints SET next = ? WHERE trigger = ? AND shard = ?"},
      {&database.park,
       "INSERT INTO parked (trigger, stream, function, shard, first, last, records, attempts, "
       "time, error, event) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {&database.list, list_parked},
      {&database.show, show_parked},
      {&database.discard, "DELETE FROM parked WHERE id = ? RETURNING trigger"},
      {&database.failed_again, "UPDATE parked SET attempts = attempts + 1, error = ? WHERE id = ?"},
  };
  for (auto& [statement, text] : statements) {
    auto prepared = (*sqlite)->prepare(text);
    if (!prepared) return std::move(prepared).error();
    *statement = std::move(*prepared);
  }
  database.file = std::move(*sqlite);
  std::unique_ptr<Ledger> ledger{new Ledger(std::move(database), std::move(committed))};
  if (auto counted = ledger->count_parked(); !counted) return std::move(counted).error();
  return ledger;
}

Ledger::Ledger(Database database, std::function<void()> committed)
    : database_(std::move(database)), committed_(std::move(committed)) {
  writer_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "delivery-ledger");
    run();
  });
}

Ledger::~Ledger() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  writer_.join();
}

Result<Ledger::Offsets> Ledger::checkpoints(const std::string& trigger, std::uint64_t incarnation) {
  return database_.with([&](Database& database) -> Result<Offsets> {
    auto select = database.file->prepare(
        "SELECT shard, next FROM checkpoints WHERE trigger = ? AND incarnation = ?");
    if (!select) return std::move(select).error();
    select->bind(trigger, incarnation);
    Offsets offsets;
    for (;;) {
      auto row = select->step();
      if (!row) return std::move(row).error();
      if (!*row) return offsets;
      offsets[static_cast<ShardNumber>(select->integer(0))] =
          static_cast<Offset>(select->integer(1));
    }
  });
}

Result<void> Ledger::pin(const std::string& trigger, std::uint64_t incarnation,
                         const Offsets& offsets, const std::vector<ShardNumber>& gone) {
  return database_.with([&](Database& database) {
    return database.file->transaction([&]() -> Result<void> {
      auto forget_others =
          database.file->prepare("DELETE FROM checkpoints WHERE trigger = ? AND incarnation <> ?");
      if (!forget_others) return std::move(forget_others).error();
      if (auto done = forget_others->run(trigger, incarnation); !done) return done;
      auto forget_gone =
          database.file->prepare("DELETE FROM checkpoints WHERE trigger = ? AND shard = ?");
      if (!forget_gone) return std::move(forget_gone).error();
      for (ShardNumber shard : gone)
        if (auto done = forget_gone->run(trigger, shard); !done) return done;
      auto put = database.file->prepare(
          "INSERT OR REPLACE INTO checkpoints (trigger, shard, incarnation, next) "
          "VALUES (?, ?, ?, ?)");
      if (!put) return std::move(put).error();
      for (auto& [shard, next] : offsets)
        if (auto done = put->run(trigger, shard, incarnation, next); !done) return done;
      return {};
    });
  });
}

Result<void> Ledger::forget(const std::string& trigger) {
  return database_.with([&](Database& database) -> Result<void> {
    {
      std::lock_guard lock(mutex_);
      auto of_trigger = [&](auto& entry) { return entry.first.first == trigger; };
      std::erase_if(reports_.begins, of_trigger);
      std::erase_if(reports_.advances, of_trigger);
      // The batch is kept, only its checkpoint must not move a later trigger of this id.
      for (auto& parking : reports_.parkings)
        if (parking.trigger == trigger) parking.trigger.clear();
    }
    auto remove = database.file->prepare("DELETE FROM checkpoints WHERE trigger = ?");
    if (!remove) return std::move(remove).error();
    return remove->run(trigger);
  });
}

void Ledger::begin(const std::string& trigger, std::uint64_t incarnation, ShardNumber shard,
                   Offset next) {
  {
    std::lock_guard lock(mutex_);
    reports_.begins[{trigger, shard}] = {incarnation, next};
  }
  changed_.notify_one();
}

void Ledger::advance(const std::string& trigger, ShardNumber shard, Offset next,
                     std::function<void()> done) {
  {
    std::lock_guard lock(mutex_);
    reports_.advances[{trigger, shard}] = {next, std::move(done)};
  }
  changed_.notify_one();
}

void Ledger::park(Parked batch, const std::string& trigger, Offset next,
                  std::function<void()> done) {
  {
    std::lock_guard lock(mutex_);
    reports_.parkings.push_back({std::move(batch), trigger, next, std::move(done)});
  }
  changed_.notify_one();
}

void Ledger::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !reports_.empty(); });
      if (reports_.empty()) return;
    }
    Reports reports;
    auto written = database_.with([&](Database& database) {
      // Taken under the database's lock, so that forget() meets a report either here or written.
      {
        std::lock_guard lock(mutex_);
        reports = std::exchange(reports_, {});
      }
      return reports.empty() ? Result<void>() : write(database, reports);
    });

    if (!written) {
      bool first = failure_.with(
          [&](auto& failure) { return !std::exchange(failure, written.error()).has_value(); });
      if (first)
        spdlog::error("checkpoints cannot be written, delivery waits: {}", written.error().message);
      std::unique_lock lock(mutex_);
      // What was reported meanwhile is newer.
      reports_.begins.merge(reports.begins);
      reports_.advances.merge(reports.advances);
      reports_.parkings.insert(reports_.parkings.begin(),
                               std::make_move_iterator(reports.parkings.begin()),
                               std::make_move_iterator(reports.parkings.end()));
      if (changed_.wait_for(lock, retry_delay, [this] { return stopping_; })) return;
      continue;
    }
    if (failure_.with([](auto& failure) { return std::exchange(failure, {}).has_value(); }))
      spdlog::info("checkpoints can be written again");
    for (auto& [key, advance] : reports.advances) advance.done();
    for (auto& parking : reports.parkings) parking.done();
    committed_();
  }
}

Result<void> Ledger::write(Database& database, Reports& reports) {
  auto written = database.file->transaction([&]() -> Result<void> {
    for (auto& [key, begin] : reports.begins)
      if (auto done = database.begin.run(key.first, key.second, begin.incarnation, begin.next);
          !done)
        return done;
    for (auto& [key, advance] : reports.advances)
      if (auto done = database.advance.run(advance.next, key.first, key.second); !done) return done;
    // After the advances: a cursor reports nothing more until its batch is parked.
    for (auto& parking : reports.parkings) {
      const Parked& batch = parking.batch;
      auto done =
          database.park.run(batch.trigger, batch.stream, batch.function, batch.shard, batch.first,
                            batch.last, batch.records, batch.attempts,
                            static_cast<std::int64_t>(batch.time.time_since_epoch().count()),
                            batch.error, batch.event);
      if (done) done = database.advance.run(parking.next, parking.trigger, batch.shard);
      if (!done) return done;
    }
    return {};
  });
  if (written)
    parked_counts_.with([&](auto& counts) {
      for (auto& parking : reports.parkings) ++counts[parking.batch.trigger];
    });
  return written;
}

Result<void> Ledger::count_parked() {
  return database_.with([&](Database& database) -> Result<void> {
    auto select = database.file->prepare("SELECT trigger, COUNT(*) FROM parked GROUP BY trigger");
    if (!select) return std::move(select).error();
    for (;;) {
      auto row = select->step();
      if (!row) return std::move(row).error();
      if (!*row) return {};
      parked_counts_.with([&](auto& counts) {
        counts[std::string(select->text(0))] = static_cast<std::uint64_t>(select->integer(1));
      });
    }
  });
}

Result<std::vector<Parked>> Ledger::parked() {
  return database_.with([&](Database& database) -> Result<std::vector<Parked>> {
    std::vector<Parked> all;
    database.list.bind();
    for (;;) {
      auto row = database.list.step();
      if (!row) return std::move(row).error();
      if (!*row) return all;
      all.push_back(read_parked(database.list));
    }
  });
}

Result<Parked> Ledger::parked(std::uint64_t id) {
  return database_.with([&](Database& database) -> Result<Parked> {
    auto row = database.show.bind(id).step();
    if (!row) return std::move(row).error();
    if (!*row) return no_such_batch(id);
    Parked parked = read_parked(database.show);
    parked.event = database.show.text(11);
    database.show.reset();
    return parked;
  });
}

Result<void> Ledger::discard(std::uint64_t id) {
  return database_.with([&](Database& database) -> Result<void> {
    auto row = database.discard.bind(id).step();
    if (!row) return std::move(row).error();
    if (!*row) return no_such_batch(id);
    std::string trigger(database.discard.text(0));
    // The row is deleted with the first step, but committed with the last.
    if (auto rest = database.discard.step(); !rest) return std::move(rest).error();
    parked_counts_.with([&](auto& counts) {
      if (--counts[trigger] == 0) counts.erase(trigger);
    });
    return {};
  });
}

Result<void> Ledger::failed_again(std::uint64_t id, const std::string& error) {
  return database_.with([&](Database& database) -> Result<void> {
    if (auto done = database.failed_again.run(error, id); !done) return done;
    if (database.file->changes() == 0) return no_such_batch(id);
    return {};
  });
}

std::map<std::string, std::uint64_t> Ledger::parked_counts() const {
  return parked_counts_.with([](auto& counts) { return counts; });
}

std::optional<Error> Ledger::failure() const {
  return failure_.with([](auto& failure) { return failure; });
}

}  // namespace tailrace::delivery
