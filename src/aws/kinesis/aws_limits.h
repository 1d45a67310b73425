#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "base/guarded.h"
#include "record/sequence_number.h"

namespace tailrace::aws::kinesis {

// So much a second, and what was not used in the last second on top. Who asks for more than the
// bucket can ever hold gets it when the bucket is full, and it is owed: that is how a shard of
// 1 MiB a second takes a record of 10 MiB.
class TokenBucket {
 public:
  using Time = std::chrono::steady_clock::time_point;
  explicit TokenBucket(double per_second) : per_second_(per_second), tokens_(per_second) {}

  bool has(double amount, Time now);
  void take(double amount) { tokens_ -= amount; }
  // How long until there is so much, if nobody takes any.
  std::chrono::milliseconds until(double amount, Time now);
  bool is_full(Time now) { return has(per_second_, now); }

 private:
  double per_second_;
  double tokens_;
  Time filled_{};
};

// AWS's limits of a shard, for streams that ask for them (`limits: aws`): writing 1 MiB and 1000
// records a second, reading 2 MiB and 5 GetRecords a second for all readers together, after a
// larger answer nothing until it is made up for, 5 GetShardIterator a second, and 2 MiB a second
// for each consumer of its own throughput. Any thread may call.
// https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
class AwsLimits {
 public:
  using Time = TokenBucket::Time;
  using Shard = std::pair<std::uint64_t, ShardNumber>;  // the stream's incarnation first

  // Whether the shard takes a record of this size now; if so it counts.
  bool admit_record(Shard shard, std::size_t bytes, Time now);
  bool admit_get_iterator(Shard shard, Time now);
  bool admit_get_records(Shard shard, Time now);
  void count_read(Shard shard, std::size_t bytes, Time now);

 private:
  struct Buckets {
    TokenBucket write_bytes{1 << 20};
    TokenBucket write_records{1000};
    TokenBucket read_bytes{2 << 20};
    TokenBucket read_calls{5};
    TokenBucket iterator_calls{5};
    bool is_idle(Time now);
  };
  // Shards that nobody used for a while are forgotten before it grows beyond this: a bucket that
  // is full again is as good as a new one.
  static constexpr std::size_t shards_max = 10'000;

  template <typename Use>
  bool with_buckets(Shard shard, Time now, Use use);

  Guarded<std::map<Shard, Buckets>> shards_;
};

inline constexpr double fan_out_bytes_per_second = 2 << 20;

}  // namespace tailrace::aws::kinesis
