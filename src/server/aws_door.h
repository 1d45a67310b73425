#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "aws/door.h"
#include "aws/identity.h"
#include "aws/kinesis/control.h"
#include "aws/kinesis/data_plane.h"
#include "aws/kinesis/timers.h"
#include "aws/sigv4.h"
#include "base/blocking_pool.h"
#include "base/clock.h"
#include "base/result.h"
#include "catalog/stream_operations.h"
#include "config/config.h"
#include "http/server.h"
#include "stream/streams.h"

namespace boost::asio {
class io_context;
}

namespace tailrace::server {

// The AWS-shaped port with all that is behind it.
class AwsDoor {
 public:
  // Binds the port; until open() every request is answered 503, which clients try again. What it is
  // given must outlive it. Fault::conflict when the port is taken.
  static Result<std::unique_ptr<AwsDoor>> make(boost::asio::io_context& io,
                                               const config::Config& config,
                                               stream::Streams& streams,
                                               catalog::StreamOperations& operations, Clock& clock);

  // Once the streams are open: one that is not there yet must not look like one that never was.
  void open();
  std::uint16_t port() const { return http_->port(); }

  // Takes no more requests: who waits for records is answered, subscriptions end, and the rest ends
  // when it is answered.
  void drain();
  // For at most as long as a put may take.
  void wait_until_drained();

 private:
  AwsDoor(boost::asio::io_context& io, const config::Config& config, aws::Keys keys,
          stream::Streams& streams, catalog::StreamOperations& operations, std::string iterator_key,
          Clock& clock);

  void serve(http::Request request, std::shared_ptr<http::Responder> responder);

  std::atomic<bool> open_ = false;

  // In the order they need each other; destroyed in reverse.
  const aws::Keys keys_;
  aws::Verifier verifier_;
  const aws::kinesis::Control control_;
  // Its jobs use control_. A tool that makes a thousand streams at once is served, not refused;
  // each change takes some milliseconds, and clients wait for a minute.
  BlockingPool blocking_{{.name = "aws-control", .queue_max = 2048}};
  aws::kinesis::DataPlane data_plane_;
  aws::Door door_;
  std::unique_ptr<http::Server> http_;
};

}  // namespace tailrace::server
