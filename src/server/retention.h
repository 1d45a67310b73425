#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "catalog/stream_operations.h"
#include "stream/streams.h"

namespace tailrace::server {

// Deletes what is older than each stream's retention and tidies up behind it, once a minute, on a
// thread of its own.
class Retention {
 public:
  Retention(stream::Streams& streams, catalog::StreamOperations& operations);
  ~Retention();

 private:
  void run();

  stream::Streams& streams_;
  catalog::StreamOperations& operations_;
  std::mutex mutex_;
  std::condition_variable stopped_changed_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace tailrace::server
