#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "load/latencies.h"
#include "load/workload.h"

namespace tailrace::load {

// Writes one record at a time. One thread; failures are std::runtime_error.
class Writer {
 public:
  virtual ~Writer() = default;
  virtual int fd() const = 0;
  virtual void put(std::string_view payload) = 0;
  // Reads what has arrived on fd(). True once the put is acknowledged.
  virtual bool acknowledged() = 0;
};

// Waits for records. One thread; failures are std::runtime_error.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual int fd() const = 0;
  // Reads what has arrived on fd() and gives each record's payload on.
  virtual void read(const std::function<void(std::string_view payload)>& record) = 0;
};

// PutRecord into a stream of one shard.
std::unique_ptr<Writer> kinesis_writer(const Target& target);
// SubscribeToShard at LATEST by a consumer of its own, read as the event stream of an HTTP/1.1
// answer. Returns when the subscription stands.
std::unique_ptr<Reader> kinesis_subscriber(const Target& target);

// XADD.
std::unique_ptr<Writer> redis_writer(const Target& target);
// XREADGROUP that blocks, by a group of its own.
std::unique_ptr<Reader> redis_group(const Target& target);

struct Pace {
  double per_second = 0;  // at most: the next put waits for the last one's acknowledgement
  Clock::duration warm_up{}, measure{};
};

// How long records take from the writer to a reader that waits for them. Both live on this thread,
// so one clock measures: each record carries the time at which it was sent.
struct FanOut {
  Latencies arrived;       // from just before the put until the reader has the record
  Latencies acknowledged;  // until the writer has its answer
};

// std::runtime_error when a record does not arrive.
FanOut measure_fan_out(Writer& writer, Reader& reader, Pace pace, std::size_t bytes);

}  // namespace tailrace::load
