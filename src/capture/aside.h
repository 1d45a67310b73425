#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/file.h"
#include "base/result.h"
#include "log/stream_log.h"
#include "record/position.h"

namespace tailrace::capture {

// Changes that wait, durably, for a load to be complete: a log of one shard in the task's folder.
// PostgreSQL is told that they are safe, so that a long load never piles up WAL on the source; they
// enter the stream, whole and in order, after the load's rows.
//
// A record's partition key is the message's. Its payload, little endian:
//   kind 1 (see Kind) | table oid 4 | commit LSN 8 | ordinal or, for an end, end LSN 8 | message
class Aside {
 public:
  enum class Kind : std::uint8_t {
    message,          // goes to the shard of its partition key
    broadcast,        // goes to every shard
    transaction_end,  // no message; the transaction is whole
  };
  struct Header {
    Kind kind = Kind::message;
    std::uint32_t table = 0;
    Lsn commit;
    std::uint64_t ordinal = 0;
    Lsn end;
  };
  static constexpr std::size_t header_bytes = 21;

  // Opens what an earlier run left, or an empty one. `identity` binds it to its stream.
  static Result<std::unique_ptr<Aside>> open(Directory& task_folder, std::uint64_t identity,
                                             const std::string& name, Clock& clock);
  // Whether an earlier run left one.
  static Result<bool> exists(Directory& task_folder);
  // Deletes it, once everything in it is durable in the stream. Destroy the object first.
  static Result<void> remove(Directory& task_folder);

  log::StreamLog& log() { return *log_; }

  static void append_header(Buffer& out, const Header& header);
  // Nothing when the bytes are not one.
  static std::optional<Header> read_header(std::string_view payload);
  static std::string_view message(std::string_view payload) { return payload.substr(header_bytes); }

  // Up to where changes are here, as of the last durable batch.
  Result<std::optional<Position>> position() const;
  static void mark_position(log::Batch& batch, const Position& position);

 private:
  Aside(std::unique_ptr<Directory> folder, std::unique_ptr<log::StreamLog> log)
      : folder_(std::move(folder)), log_(std::move(log)) {}

  std::unique_ptr<Directory> folder_;  // the log works in it, so it goes last
  std::unique_ptr<log::StreamLog> log_;
};

}  // namespace tailrace::capture
