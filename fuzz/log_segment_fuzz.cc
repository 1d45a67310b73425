// Arbitrary bytes as the only segment of a log: opening, reading and verifying it may refuse or
// report damage, but never reads outside its bytes, runs away, or serves what fits no checksum.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "base/memory_directory.h"
#include "log/stream_log.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes{reinterpret_cast<const char*>(data), size};
  tailrace::MemoryDirectory disk;
  disk.set_content("00000000000000000001.seg", bytes);
  (void)tailrace::log::verify(disk);

  tailrace::SystemClock clock;
  tailrace::log::StreamLog::Options options;
  options.name = "fuzz";
  options.incarnation = 1;
  auto log = tailrace::log::StreamLog::open(disk, options, clock);
  if (!log) return 0;
  for (tailrace::ShardNumber shard = 0; shard < 3; ++shard) {
    tailrace::Offset at = (*log)->first_offset(shard);
    while (at < (*log)->end_offset(shard)) {
      auto read = (*log)->read(shard, at, 100, 1 << 20);
      if (read && read->next > at) {
        at = read->next;
        continue;
      }
      auto behind = (*log)->end_of_damage(shard, at);
      if (!behind) break;
      at = *behind;
    }
    (void)(*log)->offset_at(shard, 1);
  }
  tailrace::log::Batch batch;
  batch.add(0, "key", "payload");
  auto appended = (*log)->append(batch, std::chrono::seconds{1});
  if (appended) (void)(*log)->wait_durable(appended->ticket, std::chrono::seconds{1});
  return 0;
}
