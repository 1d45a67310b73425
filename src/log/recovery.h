#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "log/format.h"
#include "log/index.h"
#include "log/stream_log.h"

namespace tailrace::log {

// What a log's folder holds, made ready to go on.
struct Recovered {
  Index index;
  State state;
  std::uint64_t last_sequence = 0;  // of the newest segment, 0 if there is none
  std::uint64_t incarnation = 0;

  // The segment that takes the next group; without one a new segment must be made first.
  std::shared_ptr<File> open_file;
  std::uint64_t open_position = 0;
  std::uint64_t open_groups = 0;
  std::uint64_t open_records = 0;

  std::uint64_t groups = 0, records = 0;
  std::vector<StreamLog::Damage> damage;
  // For people: what was cut off, what in the folder is not ours.
  std::vector<std::string> notes;
};

// Reads the folder and mends what a crash leaves. Each change it makes is safe to repeat: a crash
// inside it is one more crash to recover from.
//
// The end of the last segment is written once more and synced, since a failed sync may have left
// bytes that a reader sees and the disk does not have.
Result<Recovered> recover(Directory& directory, std::uint64_t incarnation);

// The names of the segments in order; the others, apart from what the log itself sets aside, are
// added to `strangers`.
Result<std::vector<std::string>> list_segments(Directory& directory,
                                               std::vector<std::string>& strangers);

}  // namespace tailrace::log
