#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "log/format.h"

namespace tailrace::log {

// The end of the newest segment file: makes room, writes, syncs, seals. Not thread-safe.
//
// Fault::full means that nothing was written: the same call may be made again when there is room.
// After any other error what the file holds is unknown, and nothing more may be written.
class SegmentWriter {
 public:
  SegmentWriter(Directory& directory, std::uint64_t segment_bytes_max)
      : directory_(directory), segment_bytes_max_(segment_bytes_max) {}

  // Goes on with a segment that recovery has made durable up to `position`, where it ends.
  void resume(std::shared_ptr<File> file, std::uint64_t position);
  // Makes the next segment's file, durable with its name.
  Result<void> create(const SegmentHeader& header);
  // Writes the footer and makes everything durable. No segment is open then.
  Result<void> seal(Footer& footer, const std::map<ShardNumber, const std::vector<Block>*>& blocks);

  bool is_open() const { return file_ != nullptr; }
  const std::shared_ptr<File>& file() const { return file_; }
  std::uint64_t position() const { return position_; }
  std::uint64_t synced_end() const { return synced_end_; }

  // Reserves the room for so many bytes, and more ahead: a disk without room shows here, before a
  // part of a group is written.
  Result<void> make_room(std::uint64_t bytes);
  Result<void> write(const std::vector<::iovec>& pieces, std::uint64_t bytes);
  Result<void> sync();

 private:
  Result<void> write_zeros();

  Directory& directory_;
  const std::uint64_t segment_bytes_max_;
  std::shared_ptr<File> file_;
  std::uint64_t position_ = 0;
  std::uint64_t synced_end_ = 0;
  std::uint64_t allocated_ = 0;
  std::uint64_t written_end_ = 0;  // groups, and zeros for the next ones
};

}  // namespace tailrace::log
