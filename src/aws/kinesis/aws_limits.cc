#include "aws/kinesis/aws_limits.h"

#include <algorithm>
#include <iterator>

namespace tailrace::aws::kinesis {

bool TokenBucket::has(double amount, Time now) {
  if (filled_ == Time{}) filled_ = now;
  std::chrono::duration<double> passed = now - filled_;
  filled_ = now;
  tokens_ = std::min(per_second_, tokens_ + passed.count() * per_second_);
  return tokens_ >= std::min(amount, per_second_);
}

std::chrono::milliseconds TokenBucket::until(double amount, Time now) {
  if (has(amount, now)) return {};
  std::chrono::duration<double> missing{(std::min(amount, per_second_) - tokens_) / per_second_};
  return std::chrono::ceil<std::chrono::milliseconds>(missing);
}

bool AwsLimits::Buckets::is_idle(Time now) {
  return write_bytes.is_full(now) && write_records.is_full(now) && read_bytes.is_full(now) &&
         read_calls.is_full(now) && iterator_calls.is_full(now);
}

template <typename Use>
bool AwsLimits::with_buckets(Shard shard, Time now, Use use) {
  return shards_.with([&](auto& shards) {
    if (shards.size() >= shards_max && shards.find(shard) == shards.end())
      for (auto entry = shards.begin(); entry != shards.end();)
        entry = entry->second.is_idle(now) ? shards.erase(entry) : std::next(entry);
    return use(shards[shard]);
  });
}

bool AwsLimits::admit_record(Shard shard, std::size_t bytes, Time now) {
  return with_buckets(shard, now, [&](Buckets& buckets) {
    auto size = static_cast<double>(bytes);
    if (!buckets.write_bytes.has(size, now) || !buckets.write_records.has(1, now)) return false;
    buckets.write_bytes.take(size);
    buckets.write_records.take(1);
    return true;
  });
}

bool AwsLimits::admit_get_iterator(Shard shard, Time now) {
  return with_buckets(shard, now, [&](Buckets& buckets) {
    if (!buckets.iterator_calls.has(1, now)) return false;
    buckets.iterator_calls.take(1);
    return true;
  });
}

bool AwsLimits::admit_get_records(Shard shard, Time now) {
  return with_buckets(shard, now, [&](Buckets& buckets) {
    // What will be read is not known yet: enough that nothing is owed.
    if (!buckets.read_calls.has(1, now) || !buckets.read_bytes.has(1, now)) return false;
    buckets.read_calls.take(1);
    return true;
  });
}

void AwsLimits::count_read(Shard shard, std::size_t bytes, Time now) {
  with_buckets(shard, now, [&](Buckets& buckets) {
    buckets.read_bytes.take(static_cast<double>(bytes));
    return true;
  });
}

}  // namespace tailrace::aws::kinesis
