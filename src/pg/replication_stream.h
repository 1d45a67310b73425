#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "pg/connection.h"
#include "record/lsn.h"

namespace tailrace::pg {

// What the walsender sends inside CopyData.
struct StreamMessage {
  enum class Kind { wal, keepalive };
  Kind kind = Kind::wal;
  Lsn lsn;                       // wal: the message's own LSN; keepalive: the walsender's position
  bool reply_requested = false;  // keepalive
  bool after_notice = false;     // take_notices() has some, which came before this message
  std::string_view payload;      // wal: one pgoutput message. Valid until the next fill()
};

// A connection in COPY BOTH mode. libpq connects, authenticates and sets up TLS; from
// START_REPLICATION on this class owns the wire: it reads in pieces as large as have arrived, and
// hands messages out in place, without an allocation or a copy each. One thread.
class ReplicationStream {
 public:
  // `connection` must be of Kind::replication and idle. Fault::conflict: the slot is active for
  // another process (SQLSTATE 55006); gap: the slot is lost or invalidated (55000); not_found:
  // slot or publication missing (42704).
  static Result<std::unique_ptr<ReplicationStream>> start(
      std::unique_ptr<Connection> connection, const std::string& slot, Lsn from,
      const std::vector<std::pair<std::string, std::string>>& plugin_options);
  virtual ~ReplicationStream() = default;

  // Waits up to `patience` for bytes and reads all that have arrived (up to the buffer's size).
  // False: nothing came, or wake() was called. Errors: unavailable when the connection ended or
  // the server shuts down; others by SQLSTATE. A server WARNING or NOTICE goes to notices().
  virtual Result<bool> fill(std::chrono::milliseconds patience) = 0;
  // The next whole message of what was read, or none: then fill() again. Bytes that break the
  // protocol are Fault::corrupt from the next fill().
  virtual std::optional<StreamMessage> next() = 0;
  // Bytes read and not yet handed out.
  virtual std::size_t buffered() const = 0;

  // Standby status update: everything before `flushed` is durable here. `flushed` must never go
  // down.
  virtual Result<void> send_status(Lsn flushed, UnixMicros now) = 0;
  // From any thread: makes a waiting fill() return.
  virtual void wake() = 0;
  virtual std::vector<std::string> take_notices() = 0;
  // Ends the COPY politely, waiting up to `patience` for the server's answer.
  virtual void stop(std::chrono::milliseconds patience) = 0;
};

}  // namespace tailrace::pg
