#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "base/clock.h"
#include "log/batch.h"
#include "record/hash_key.h"
#include "stream/stream_spec.h"

namespace tailrace::stream {

// Records on their way into a stream, routed to its shards and already in the form that reaches the
// disk. Made by Stream::begin_batch(). It may be filled at leisure: a record whose shard is closed
// before the batch is appended is routed anew then. Not thread-safe.
class Batch {
 public:
  Batch(Batch&&) = default;
  Batch& operator=(Batch&&) = default;

  // Stored with every record begun from now on.
  void set_arrival(UnixMicros arrival) {
    arrival_ = arrival;
    content_.set_arrival(arrival);
  }

  // Starts a record where the key's hash belongs. Its payload is what the caller appends to the
  // returned buffer until end_record(); it must not touch what was in the buffer before. The key is
  // at most 65,535 bytes.
  Buffer& begin_record(std::string_view partition_key);
  // The same with a hash of the caller's: Kinesis' explicit hash key.
  Buffer& begin_record(std::string_view partition_key, HashKey hash);
  void end_record();
  // Takes the record back that was begun and not ended.
  void abandon_record();
  void add(std::string_view partition_key, std::string_view payload);
  // One copy for each shard, between what is added before and after it in every one of them.
  void add_to_every_shard(std::string_view partition_key, std::string_view payload);

  void set_mark(std::string key, std::string value) {
    content_.set_mark(std::move(key), std::move(value));
  }

  // Where a record with this hash would go as of now.
  ShardNumber shard_for(HashKey hash) const { return routes_->shard_for(hash); }

  // Of all that is ended, in the log's form; copies for each shard count each.
  std::size_t bytes() const { return content_.bytes(); }
  std::size_t records() const { return content_.records(); }
  bool empty() const { return content_.empty(); }

 private:
  friend class Stream;

  // A record added by hash, or the copies for every shard.
  struct Added {
    ShardNumber shard = 0;
    bool everywhere = false;
    bool has_hash = false;  // it is the next one of hashes_
  };

  Batch(std::shared_ptr<const Routes> routes, UnixMicros arrival)
      : content_(arrival), arrival_(arrival), routes_(std::move(routes)) {}

  // Makes it what it would be had it been routed so from the start.
  void route_anew(std::shared_ptr<const Routes> routes);
  // Its content was taken.
  void restart();

  log::Batch content_;
  UnixMicros arrival_;
  // Shared with the stream and with other batches of the same time.
  std::shared_ptr<const Routes> routes_;
  std::vector<Added> added_;  // in order
  std::vector<HashKey> hashes_;
};

}  // namespace tailrace::stream
