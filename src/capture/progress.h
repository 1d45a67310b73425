#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "log/stream_log.h"
#include "record/lsn.h"
#include "record/position.h"
#include "stream/batch.h"

namespace tailrace::capture {

// A table whose load is complete: its rows are in the stream as of `snapshot`, so that its changes
// count from there on.
struct LoadMark {
  Lsn snapshot;
  std::uint64_t rows = 0;
};

// What a task has put into its stream, as the stream's own marks tell: data and progress are one
// atomic group, and no second store has to agree.
//
//   task/NAME           Position
//   task/NAME/slot      "creating SLOT" from before the slot is made until its first position
//   task/NAME/load/OID  LoadMark: snapshot 8, rows 8 bytes, little endian
//
// An empty value means that the mark was taken back.
struct Progress {
  std::optional<Position> position;
  std::optional<std::string> creating_slot;
  std::map<std::uint32_t, LoadMark> loads;  // by table oid
};

// Fault::corrupt when a mark cannot be decoded: nothing is guessed.
Result<Progress> read_progress(const log::StreamLog& log, const std::string& task);

void mark_position(stream::Batch& batch, const std::string& task, const Position& position);
void mark_creating_slot(stream::Batch& batch, const std::string& task, const std::string& slot);
void mark_slot_made(stream::Batch& batch, const std::string& task);
void mark_load(stream::Batch& batch, const std::string& task, std::uint32_t oid,
               const LoadMark& load);
// The table is to be loaded again.
void mark_load_forgotten(stream::Batch& batch, const std::string& task, std::uint32_t oid);
// Takes back all that the task has marked, so that its next start begins anew.
void mark_forgotten(stream::Batch& batch, const std::string& task, const Progress& progress);

}  // namespace tailrace::capture
