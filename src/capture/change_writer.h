#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/result.h"
#include "capture/aside.h"
#include "capture/progress.h"
#include "capture/tables.h"
#include "capture/task.h"
#include "envelope/envelope.h"
#include "log/stream_log.h"
#include "pgoutput/assembler.h"
#include "stream/stream.h"

namespace tailrace::capture {

// Turns transactions into messages and appends them, with the position that they bring the task
// to, as one atomic batch. Drops what the log already has. One thread, the task's reader; only
// durable() may be asked from others.
class ChangeWriter final : public pgoutput::TransactionSink {
 public:
  struct Hooks {
    // Called while the log has no room, and now and then in long transactions: keeps the
    // connection alive. An Error ends the write.
    std::function<Result<void>()> keep_alive;
    // The key columns of a table by its oid, for identities that do not tell.
    std::function<Result<std::vector<std::string>>(std::uint32_t)> key_of;
    // Why nothing can be written now; nothing once it can again.
    std::function<void(std::optional<Error>)> waits = [](std::optional<Error>) {};
  };

  ChangeWriter(const TaskSpec& spec, const rules::Mappings& mappings,
               const envelope::Source& source, stream::Stream& stream, TableBoard& board,
               Clock& clock, Position position, Hooks hooks);

  // Where messages go from now on: into the stream, or aside until a load is complete. Everything
  // written before must have been flushed.
  void write_to_stream();
  void write_aside(Aside& aside);

  // Tables that are in the stream from a snapshot on; changes that committed before it are part of
  // the load. Tables named in `waiting` have no load yet: their changes are dropped (aside they are
  // kept, since the load that will cover them is not known yet).
  void set_loads(std::map<std::uint32_t, LoadMark> loads, std::set<std::uint32_t> waiting);

  Result<const Table*> relation(const pgoutput::Relation& relation) override;
  Result<bool> begin(const Transaction& transaction) override;
  Result<void> change(const Transaction& transaction, const Change& change) override;
  Result<void> commit(const Transaction* transaction, Lsn end) override;

  // Appends what has been written so far. Between transactions, or in one too large for a batch.
  Result<void> flush();
  // Everything before `lsn` has been received and holds nothing more for us (a keepalive between
  // transactions). Makes that durable, so that it may be acknowledged.
  Result<void> advance(Lsn lsn);

  // The newest LSN that may be acknowledged: everything before it is synced, as far as the stream's
  // sync goes. Any thread.
  Lsn durable() const { return Lsn{durable_.load(std::memory_order_acquire)}; }
  // Moves durable() on after the log's synced end has moved. Reader thread.
  void settle();
  // Until all that was flushed may be acknowledged. Fault::timeout, or Fault::fenced when that will
  // never be. Reader thread.
  Result<void> wait_settled(std::chrono::milliseconds patience);
  bool in_flight() const { return !pending_.empty() || !batch_is_empty(); }

  const Position& position() const { return position_; }
  UnixMicros durable_commit_time() const { return durable_commit_time_; }

  struct Totals {
    std::uint64_t transactions = 0, changes = 0, bytes = 0;
  };
  const Totals& totals() const { return totals_; }

 private:
  struct Entry {
    Table table;
    std::unique_ptr<envelope::TableEnvelope> envelope;
    Lsn loaded_at;         // changes before it belong to the load
    bool waiting = false;  // its load has not begun: nothing of it is in the stream
    TableBoard::Counts counts;
  };

  void emit(Entry& entry, const Change& change, const envelope::Context& context);
  void emit_half(Entry& entry, const Change& change, envelope::Context context,
                 envelope::Context::Half half);
  void apply_load(Entry& entry);
  Result<log::StreamLog::Appended> append();
  log::StreamLog& target() { return aside_ ? aside_->log() : stream_.log(); }
  std::size_t batch_bytes() const { return batch_.bytes() + aside_batch_.bytes(); }
  bool batch_is_empty() const { return batch_.empty() && aside_batch_.empty(); }
  void begin_arrival();
  void publish_counts();

  const TaskSpec& spec_;
  const rules::Mappings& mappings_;
  const envelope::Source& source_;
  stream::Stream& stream_;
  TableBoard& board_;
  Clock& clock_;
  Hooks hooks_;

  Aside* aside_ = nullptr;
  std::map<std::uint32_t, LoadMark> loads_;
  std::set<std::uint32_t> waiting_;
  std::unordered_map<std::uint32_t, Entry> entries_;

  Position position_;  // up to where messages are in the log or in a batch
  bool position_moved_ = false;
  stream::Batch batch_;
  log::Batch aside_batch_;
  Buffer key_, message_;
  UnixMicros now_{};
  UnixMicros last_commit_time_{};

  // Batches on their way to the disk and what may be acknowledged once each is there.
  struct Pending {
    log::StreamLog::Ticket ticket;
    Lsn end;
    UnixMicros commit_time;
  };
  std::deque<Pending> pending_;
  std::atomic<std::uint64_t> durable_;
  UnixMicros durable_commit_time_{};
  Totals totals_;
};

}  // namespace tailrace::capture
