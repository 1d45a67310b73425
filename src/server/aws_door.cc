#include "server/aws_door.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "aws/kinesis/operations.h"
#include "server/listen_on.h"

namespace tailrace::server {
namespace {

// 10 MiB of data in base64, 500 partition keys and their escapes.
constexpr std::size_t body_bytes_max = 20u << 20;

// A put waits 4 s for room in the log's queue, and then for the disk.
constexpr std::chrono::seconds drain_patience{5};

http::Server::Options options_of(const config::Config& config) {
  auto options = listen_on(config.aws);
  options.body_bytes_max = body_bytes_max;
  options.connections_max = 4096;
  // What a page that rebinds DNS cannot do is sign; without keys its Host gives it away.
  if (!config.keys.empty()) options.hosts_allowed.clear();
  if (config.tls) {
    options.tls = http::Server::Tls{config.tls->certificate, config.tls->key};
    if (config::is_loopback(config.aws))
      options.tls->plain_text = http::Server::PlainText::accepted;
  }
  return options;
}

std::vector<aws::Operation> operations_of(const aws::kinesis::Control& control,
                                          aws::kinesis::DataPlane& data_plane) {
  auto handled = aws::kinesis::control_actions(control);
  for (auto& action : data_plane.actions()) handled.push_back(std::move(action));
  return aws::kinesis::operations_of(control.account, std::move(handled));
}

http::Response not_yet() {
  return {503, "application/x-amz-json-1.1",
          R"({"__type":"ServiceUnavailable","message":"The server is starting."})"};
}

}  // namespace

Result<std::unique_ptr<AwsDoor>> AwsDoor::make(boost::asio::io_context& io,
                                               const config::Config& config,
                                               stream::Streams& streams,
                                               catalog::StreamOperations& operations,
                                               Clock& clock) {
  auto keys = aws::Keys::make(config.keys, config.account.id);
  if (!keys) return std::move(keys).error().during("aws.keys");
  auto iterator_key = operations.iterator_key();
  if (!iterator_key) return std::move(iterator_key).error();
  std::unique_ptr<AwsDoor> door(new AwsDoor(io, config, std::move(*keys), streams, operations,
                                            *std::move(iterator_key), clock));
  auto http = http::Server::listen(io, options_of(config),
                                   [self = door.get()](http::Request request, auto responder) {
                                     self->serve(std::move(request), std::move(responder));
                                   });
  if (!http) return std::move(http).error().during("listen for the AWS APIs");
  door->http_ = std::move(*http);
  return door;
}

AwsDoor::AwsDoor(boost::asio::io_context& io, const config::Config& config, aws::Keys keys,
                 stream::Streams& streams, catalog::StreamOperations& operations,
                 std::string iterator_key, Clock& clock)
    : keys_(std::move(keys)),
      verifier_({.region = config.account.region}, keys_, clock),
      control_{streams, operations, config.account, clock, blocking_},
      data_plane_(streams, config.account, clock, aws::kinesis::make_timers(io),
                  std::move(iterator_key)),
      door_({.target_prefix = "Kinesis_20131202", .service = "kinesis"},
            operations_of(control_, data_plane_), keys_.empty() ? nullptr : &verifier_) {}

void AwsDoor::open() {
  if (keys_.empty())
    spdlog::info("aws.keys is empty: any access key works, and signatures are not checked");
  open_ = true;
}

void AwsDoor::drain() {
  http_->drain();
  data_plane_.open.close_all();
}

void AwsDoor::wait_until_drained() {
  if (!http_->wait_until_drained(drain_patience))
    spdlog::info("connections of AWS clients are cut that were still open");
}

void AwsDoor::serve(http::Request request, std::shared_ptr<http::Responder> responder) {
  if (open_)
    door_.serve(std::move(request), std::move(responder));
  else
    responder->send(not_yet());
}

}  // namespace tailrace::server
