#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/guarded.h"
#include "base/result.h"
#include "log/stream_log.h"
#include "record/hash_key.h"
#include "record/sequence_number.h"

namespace tailrace::stream {

struct Shard {
  ShardNumber number = 0;
  HashRange range;
  std::int64_t created_seconds = 0;  // since 1970
  bool operator==(const Shard&) const = default;
};

// What the catalogue keeps of a stream.
struct StreamSpec {
  std::string name;               // 1-128 of [a-zA-Z0-9_.-]
  std::uint64_t incarnation = 0;  // random; a stream made again under the same name is another one
  std::int64_t created_seconds = 0;
  std::vector<Shard> shards;
  std::chrono::hours retention{24};   // 24 to 8760
  std::uint64_t retention_bytes = 0;  // 0: no limit by size
  log::Sync sync = log::Sync::always;
  bool operator==(const StreamSpec&) const = default;
};

// Divides the ring among `count` shards as Kinesis does: equal widths, the last one takes the rest.
std::vector<Shard> initial_shards(std::uint32_t count, std::int64_t created_seconds);
// Fault::invalid, naming the rule that is broken.
Result<void> check_stream_name(const std::string& name);

// A stream of records over its shards. Any thread may call.
class Stream {
 public:
  Stream(StreamSpec spec, std::unique_ptr<log::StreamLog> log, Clock& clock);

  const StreamSpec& spec() const { return spec_; }
  ShardNumber shard_for(HashKey key) const;

  // An empty batch whose records arrive now.
  log::Batch begin_batch() const;
  log::StreamLog& log() { return *log_; }

  std::string sequence_number(ShardNumber shard, const log::Record& record) const;

  // Deletes what is older than the retention.
  Result<std::size_t> retire();

 private:
  StreamSpec spec_;
  std::unique_ptr<log::StreamLog> log_;
  Clock& clock_;
  std::vector<Shard> routes_;  // by hash range
};

// All streams of a data folder, each in streams/<name>-<incarnation in hex>/. Any thread may call.
class Streams {
 public:
  Streams(Directory& data, Clock& clock) : data_(data), clock_(clock) {}

  // Opens the stream, making its folder when it is new. Fault::conflict when it is open already.
  Result<std::shared_ptr<Stream>> open(StreamSpec spec);
  // Shared since readers and writers go on with a stream while it is closed by name.
  std::shared_ptr<Stream> find(const std::string& name) const;
  std::vector<std::shared_ptr<Stream>> all() const;

 private:
  Directory& data_;
  Clock& clock_;
  Guarded<std::map<std::string, std::shared_ptr<Stream>>> open_;
};

}  // namespace tailrace::stream
