#include "log/segment_writer.h"

#include <algorithm>
#include <utility>

namespace tailrace::log {
namespace {

// Reserved ahead in pieces of this: large enough that it is rare, small enough to waste little.
constexpr std::uint64_t allocation_bytes = 4u << 20;

// Zeros written behind a group of at most so many bytes.
constexpr std::uint64_t zeros_bytes = 64u << 10, small_group_bytes_max = 16u << 10;

// "Full" promises that nothing was written, which no error from here on may promise.
Error half_way(Error error) {
  if (error.fault == Fault::full) error.fault = Fault::internal;
  return error;
}

}  // namespace

void SegmentWriter::resume(std::shared_ptr<File> file, std::uint64_t position) {
  file_ = std::move(file);
  position_ = synced_end_ = allocated_ = written_end_ = position;
}

Result<void> SegmentWriter::create(const SegmentHeader& header) {
  std::string name = segment_name(header.state.next_group);
  Buffer bytes = encode(header);
  auto file = directory_.open(name, Directory::Open::create_new);
  if (!file) return std::move(file).error();
  file_ = std::move(*file);
  position_ = synced_end_ = allocated_ = written_end_ = 0;
  if (auto room = make_room(bytes.size()); !room) {
    file_ = nullptr;
    if (auto removed = directory_.remove(name); !removed) return half_way(removed.error());
    return room;
  }
  auto wrote = write({{bytes.data(), bytes.size()}}, bytes.size());
  if (wrote) wrote = sync();
  if (wrote) wrote = directory_.sync();
  if (!wrote) return half_way(std::move(wrote).error());
  return {};
}

Result<void> SegmentWriter::seal(Footer& footer,
                                 const std::map<ShardNumber, const std::vector<Block>*>& blocks) {
  // A footer says that the groups before it are durable.
  if (auto synced = sync(); !synced) return synced;
  footer.position = position_;
  Buffer bytes = encode(footer, blocks);
  if (auto room = make_room(bytes.size()); !room) return room;
  auto wrote = write({{bytes.data(), bytes.size()}}, bytes.size());
  // The trailer is found from the end of the file, so what was reserved behind it goes, whoever
  // reserved it: an attempt that found the disk full may have left some.
  if (wrote) wrote = file_->truncate(position_);
  if (wrote) wrote = sync();
  if (!wrote) return half_way(std::move(wrote).error());
  file_ = nullptr;
  return {};
}

Result<void> SegmentWriter::make_room(std::uint64_t bytes) {
  std::uint64_t needed = position_ + bytes;
  if (needed <= allocated_) return {};
  std::uint64_t ahead = std::min(needed + allocation_bytes, segment_bytes_max_);
  std::uint64_t wanted = std::max(needed, ahead);
  auto allocated = file_->allocate(wanted);
  // The last room there is may still be enough for this group.
  if (!allocated && allocated.error().fault == Fault::full && wanted > needed)
    allocated = file_->allocate(wanted = needed);
  if (!allocated) return allocated;
  allocated_ = wanted;
  return {};
}

Result<void> SegmentWriter::write(const std::vector<::iovec>& pieces, std::uint64_t bytes) {
  if (auto wrote = file_->write(position_, pieces.data(), static_cast<int>(pieces.size())); !wrote)
    return half_way(std::move(wrote).error());
  position_ += bytes;
  if (position_ > written_end_) {
    written_end_ = position_;
    if (bytes <= small_group_bytes_max) return write_zeros();
  }
  return {};
}

// The first write to a place that is only reserved changes the file's extents, so that its sync
// waits for the file system's journal too. With zeros there already the next small groups are only
// overwritten, which a sync makes durable in less time (a fifth on ext4).
Result<void> SegmentWriter::write_zeros() {
  static const std::vector<char> zeros(zeros_bytes);
  auto bytes = std::min(zeros_bytes, allocated_ - position_);
  if (bytes == 0) return {};
  ::iovec piece{const_cast<char*>(zeros.data()), bytes};
  auto wrote = file_->write(position_, &piece, 1);
  if (wrote) written_end_ = position_ + bytes;
  // Where no room could be reserved, there may be none for them.
  if (!wrote && wrote.error().fault != Fault::full) return half_way(std::move(wrote).error());
  return {};
}

Result<void> SegmentWriter::sync() {
  if (synced_end_ == position_) return {};
  if (auto synced = file_->sync(); !synced) return half_way(std::move(synced).error());
  synced_end_ = position_;
  return {};
}

}  // namespace tailrace::log
