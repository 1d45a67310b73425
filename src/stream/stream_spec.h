#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "log/stream_log.h"
#include "record/hash_key.h"
#include "record/sequence_number.h"

namespace tailrace::stream {

// A range of the ring whose records are kept in order. Closed for ever once it was split or merged.
struct Shard {
  ShardNumber number = 0;
  HashRange range;
  std::int64_t created_seconds = 0;  // since 1970
  // What it was made of: nothing at the stream's creation, one shard split, or two merged. They may
  // have expired meanwhile.
  std::optional<ShardNumber> parent;
  std::optional<ShardNumber> adjacent_parent;
  std::optional<std::int64_t> closed_ms;  // since 1970

  bool is_open() const { return !closed_ms; }
  bool operator==(const Shard&) const = default;
};

using Tags = std::map<std::string, std::string>;

// Somebody who reads with a throughput of its own. Its identity is name and creation second.
struct Consumer {
  std::string name;
  std::int64_t created_seconds = 0;
  Tags tags;
  std::string policy;  // a resource policy's JSON text; empty: none
  bool operator==(const Consumer&) const = default;
};

enum class Mode { provisioned, on_demand };

enum class ShardMetric {
  incoming_bytes,
  incoming_records,
  outgoing_bytes,
  outgoing_records,
  write_throughput_exceeded,
  read_throughput_exceeded,
  iterator_age,
};

inline constexpr std::chrono::hours retention_min{24}, retention_max{8760};
inline constexpr std::uint32_t record_kib_min = 1024, record_kib_max = 10240;

// What the catalogue keeps of a stream: the one truth about its shards and settings.
struct StreamSpec {
  std::string name;               // 1-128 of [a-zA-Z0-9_.-]
  std::uint64_t incarnation = 0;  // random; a stream made again under the same name is another one
  std::int64_t created_seconds = 0;
  // In order of number. The open ones divide the ring; a closed one is kept until all that it holds
  // is past the retention.
  std::vector<Shard> shards;
  // How many shards its creation asked for. Resharding does not change it, so that a declaration of
  // the stream still fits; 0: as many as there are shards.
  std::uint32_t declared_shards = 0;
  std::chrono::hours retention{24};
  // Records from before this time stay hidden though the retention was made longer since. Since
  // 1970.
  std::int64_t hidden_before_ms = 0;
  std::uint64_t retention_bytes = 0;  // 0: no limit by size
  log::Sync sync = log::Sync::always;

  Mode mode = Mode::provisioned;
  std::uint32_t max_record_kib = record_kib_min;  // of a record's data and partition key
  std::string kms_key_id;                         // empty: not encrypted
  std::set<ShardMetric> shard_metrics;
  Tags tags;
  std::string policy;  // a resource policy's JSON text; empty: none
  std::uint32_t warm_throughput_mibps = 0;
  std::vector<Consumer> consumers;  // in order of name
  bool aws_limits = false;          // throttle as AWS does

  // Nothing when there is none.
  const Shard* find_shard(ShardNumber number) const;
  const Consumer* find_consumer(const std::string& consumer) const;
  std::uint32_t open_shards() const;
  std::uint32_t shards_declared() const {
    return declared_shards > 0 ? declared_shards : static_cast<std::uint32_t>(shards.size());
  }
  // A longer retention does not bring back what was hidden already.
  void set_retention(std::chrono::hours wanted, std::int64_t now_ms);
  // Records that arrived earlier are not served.
  std::int64_t visible_from_ms(std::int64_t now_ms) const;
  // A closed shard none of whose records can be visible any more.
  bool is_expired(const Shard& shard, std::int64_t now_ms) const;

  bool operator==(const StreamSpec&) const = default;
};

// Divides the ring among `count` shards as Kinesis does: equal widths, the last one takes the rest.
std::vector<Shard> initial_shards(std::uint32_t count, std::int64_t created_seconds);
// One of `count` equal parts of the ring, as initial_shards() cuts it.
HashRange even_range(std::uint32_t index, std::uint32_t count);
// For a stream that is being made.
std::uint64_t random_incarnation();
// Fault::invalid, naming the rule that is broken.
Result<void> check_stream_name(const std::string& name);

// Which shard a hash key belongs to: the open shards of one moment. Immutable.
class Routes {
 public:
  explicit Routes(const std::vector<Shard>& shards);

  ShardNumber shard_for(HashKey key) const;
  // In order of hash range.
  const std::vector<Shard>& shards() const { return open_; }
  bool operator==(const Routes&) const = default;

 private:
  std::vector<Shard> open_;
};

}  // namespace tailrace::stream
