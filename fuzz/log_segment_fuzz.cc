// Arbitrary bytes as the only segment of a log: opening, reading and verifying it may refuse or
// report damage, but never reads outside its bytes, runs away, or serves what fits no checksum.
//
// Checksums keep blind mutations out of all that stands behind them, so most mutations are sealed
// again afterwards: every checksum and place that can be found is made to fit the changed bytes.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/byte_reader.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/memory_directory.h"
#include "log/format.h"
#include "log/recovery.h"
#include "log/stream_log.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);

namespace {

using namespace tailrace;  // NOLINT: the whole file is about one format of it

constexpr std::uint64_t incarnation = 1;
constexpr const char* segment = "00000000000000000001.seg";

// A segment's bytes, with integers to read and write at any place inside.
class Bytes {
 public:
  Bytes(std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  std::size_t size() const { return size_; }
  bool holds(std::uint64_t at, std::uint64_t count) const {
    return at <= size_ && count <= size_ - at;
  }
  std::string_view view(std::uint64_t at, std::uint64_t count) const {
    return {reinterpret_cast<const char*>(data_) + at, count};
  }
  template <typename Integer>
  Integer get(std::uint64_t at) const {
    return ByteReader(view(at, sizeof(Integer))).le<Integer>();
  }
  template <typename Integer>
  void put(std::uint64_t at, Integer value) {
    std::memcpy(data_ + at, &value, sizeof value);
  }

 private:
  std::uint8_t* data_;
  std::size_t size_;
};

std::uint32_t seed_of(std::uint64_t first, std::uint64_t second) {
  std::uint64_t words[2] = {first, second};
  return crc32c({reinterpret_cast<const char*>(words), sizeof words});
}

void seal_segment_header(Bytes& bytes) {
  if (bytes.size() < log::segment_prefix_bytes) return;
  auto length = bytes.get<std::uint64_t>(12);
  if (length < log::segment_prefix_bytes || !bytes.holds(0, length)) return;
  bytes.put(8, crc32c(bytes.view(12, length - 12)));
}

void seal_group(Bytes& bytes, std::uint64_t at) {
  if (!bytes.holds(at, log::group_header_bytes_min)) return;
  auto header_length = bytes.get<std::uint32_t>(at + 4);
  if (header_length < log::group_header_bytes_min || !bytes.holds(at, header_length)) return;
  bytes.put(at + 32, at);
  constexpr std::uint64_t entry_bytes = 48;
  std::uint64_t blocks = bytes.get<std::uint32_t>(at + 56);
  std::uint64_t table_end = at + header_length - 4;
  if (blocks * entry_bytes <= header_length - log::group_header_bytes_min) {
    std::uint64_t block = at + header_length;
    for (std::uint64_t entry = table_end - blocks * entry_bytes; entry < table_end;
         entry += entry_bytes) {
      auto length = bytes.get<std::uint64_t>(entry + 16);
      if (!bytes.holds(block, length)) break;
      auto shard = bytes.get<ShardNumber>(entry);
      auto first = bytes.get<Offset>(entry + 8);
      bytes.put(entry + 40, crc32c(bytes.view(block, length),
                                   log::block_seed(incarnation, shard, first, block)));
      block += length;
    }
  }
  bytes.put(table_end, crc32c(bytes.view(at, header_length - 4), seed_of(incarnation, at)));
}

void seal_footer(Bytes& bytes) {
  if (bytes.size() < log::trailer_bytes) return;
  std::uint64_t trailer = bytes.size() - log::trailer_bytes;
  if (bytes.view(trailer + 24, 8) != std::string_view("TRLSEAL\n", 8)) return;
  auto length = bytes.get<std::uint64_t>(trailer + 8);
  if (length >= 60 && length <= trailer) {
    std::uint64_t directory = trailer - length;
    bytes.put(trailer, directory);
    // The lists' checksums stand at the end of the directory, 52 bytes a shard.
    std::uint64_t lists = bytes.get<std::uint64_t>(directory + 32);
    constexpr std::uint64_t summary_bytes = 52;
    std::uint64_t summaries_end = trailer - 4;
    std::uint64_t list_bytes = directory >= lists ? directory - lists : 0;
    std::uint64_t shards = 0;
    for (std::uint64_t sum = 0; sum < list_bytes && (shards + 1) * summary_bytes < length - 60;) {
      ++shards;
      sum = 0;
      for (std::uint64_t i = 1; i <= shards; ++i)
        sum += bytes.get<std::uint32_t>(summaries_end - i * summary_bytes + 44) *
               std::uint64_t{log::list_entry_bytes};
    }
    for (std::uint64_t i = shards; i >= 1; --i) {
      std::uint64_t summary = summaries_end - i * summary_bytes;
      std::uint64_t list =
          bytes.get<std::uint32_t>(summary + 44) * std::uint64_t{log::list_entry_bytes};
      if (!bytes.holds(lists, list)) break;
      bytes.put(summary + 36, lists);
      bytes.put(summary + 48,
                crc32c(bytes.view(lists, list), seed_of(bytes.get<ShardNumber>(summary), lists)));
      lists += list;
    }
    bytes.put(summaries_end, crc32c(bytes.view(directory, length - 4), seed_of(0, directory)));
  }
  bytes.put(trailer + 20, crc32c(bytes.view(trailer, 20), seed_of(0, trailer)));
}

void seal(std::uint8_t* data, std::size_t size) {
  Bytes bytes(data, size);
  seal_segment_header(bytes);
  std::string_view all = bytes.view(0, size);
  for (std::size_t at = all.find(log::group_magic()); at != std::string_view::npos;
       at = all.find(log::group_magic(), at + 1))
    seal_group(bytes, at);
  seal_footer(bytes);
}

void read_all(log::StreamLog& log, ShardNumber shard) {
  Offset at = log.first_offset(shard);
  while (at < log.end_offset(shard)) {
    auto read = log.read(shard, at, 100, 1 << 20);
    if (read) {
      TAILRACE_CHECK(read->next > at);
      for (const log::Record& record : read->records)
        TAILRACE_CHECK(record.offset >= at && record.offset < read->next);
      at = read->next;
      continue;
    }
    auto behind = log.end_of_damage(shard, at);
    if (!behind) break;
    TAILRACE_CHECK(*behind > at);
    at = *behind;
  }
  (void)log.offset_at(shard, 1);
}

// What recovery made of the bytes is a log that takes records and opens again with them.
void open_and_append(MemoryDirectory& disk) {
  SystemClock clock;
  log::StreamLog::Options options;
  options.name = "fuzz";
  options.incarnation = incarnation;
  options.segment_bytes_max = 1 << 16;
  auto log = log::StreamLog::open(disk, options, clock);
  if (!log) return;
  for (ShardNumber shard = 0; shard < 3; ++shard) read_all(**log, shard);
  log::Batch batch;
  batch.add(0, "key", "payload");
  Offset expected = (*log)->end_offset(0);
  auto appended = (*log)->append(batch, std::chrono::minutes{1});
  if (!appended || !(*log)->wait_durable(appended->ticket, std::chrono::minutes{1})) return;
  TAILRACE_CHECK(appended->firsts.at(0).offset == expected);
  auto read = (*log)->read(0, expected, 1, 1 << 20);
  TAILRACE_CHECK(read && read->records.at(0).payload == "payload");

  log->reset();
  log = log::StreamLog::open(disk, options, clock);
  TAILRACE_CHECK(log.has_value() && (*log)->end_offset(0) == expected + 1);
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, size_max);
  // Some stay unsealed: damage has to be found, too.
  if (seed % 8 != 0) seal(data, size);
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes{reinterpret_cast<const char*>(data), size};
  MemoryDirectory disk;
  disk.set_content(segment, bytes);
  // Too little for the room that a log reserves ahead: filling it would take most of the time.
  disk.set_room(size + (1 << 20));
  (void)log::verify(disk);
  TAILRACE_CHECK(disk.content(segment) == bytes);

  // A log's own thread makes it slow: one input in four is opened, the others only recovered.
  if (size % 4 == 0)
    open_and_append(disk);
  else
    (void)log::recover(disk, incarnation);
  return 0;
}
