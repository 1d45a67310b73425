#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "stream/streams.h"

namespace tailrace::server {

// Deletes what is older than each stream's retention, once a minute, on a thread of its own.
class Retention {
 public:
  explicit Retention(stream::Streams& streams);
  ~Retention();

 private:
  void run();

  stream::Streams& streams_;
  std::mutex mutex_;
  std::condition_variable stopped_changed_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace tailrace::server
