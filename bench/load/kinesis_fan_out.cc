#include <ctime>
#include <stdexcept>

#include "base/base64.h"
#include "base/byte_reader.h"
#include "load/fan_out.h"
#include "load/kinesis_client.h"

namespace tailrace::load {
namespace {

class KinesisWriter : public Writer {
 public:
  explicit KinesisWriter(const Target& target) : client_(target.port), stream_(target.stream) {}

  int fd() const override { return client_.socket().fd(); }
  void put(std::string_view payload) override {
    client_.send("PutRecord", "{\"StreamName\":\"" + stream_ + "\",\"Data\":\"" + base64(payload) +
                                  "\",\"PartitionKey\":\"one\"}");
  }
  bool acknowledged() override {
    if (!client_.receive()) return false;
    client_.expect_ok();
    return true;
  }

 private:
  KinesisClient client_;
  std::string stream_;
};

// Event-stream messages: total length, length of the headers, a checksum, headers, payload, a
// checksum. TCP on one machine needs no second look at checksums.
class KinesisSubscriber : public Reader {
 public:
  KinesisSubscriber(const Target& target, std::string_view consumer, std::string_view shard)
      : client_(target.port) {
    client_.send("SubscribeToShard", "{\"ConsumerARN\":\"" + std::string(consumer) +
                                         "\",\"ShardId\":\"" + std::string(shard) +
                                         "\",\"StartingPosition\":{\"Type\":\"LATEST\"}}");
    while (client_.answer().status() != 200 || client_.answer().body().size() < prelude_bytes)
      if (client_.receive()) client_.expect_ok();
  }

  int fd() const override { return client_.socket().fd(); }

  void read(const std::function<void(std::string_view)>& record) override {
    if (client_.receive()) throw std::runtime_error("the subscription ended");
    std::string_view events = client_.answer().body();
    while (events.size() - at_ >= prelude_bytes) {
      ByteReader prelude(events.substr(at_));
      std::size_t total = prelude.be<std::uint32_t>(), headers = prelude.be<std::uint32_t>();
      if (total < headers + prelude_bytes + 4) throw std::runtime_error("no event-stream message");
      if (events.size() - at_ < total) break;
      std::string_view event = events.substr(at_, total);
      at_ += total;
      std::string_view payload =
          event.substr(prelude_bytes + headers, total - headers - prelude_bytes - 4);
      if (event.substr(prelude_bytes, headers).find("exception-type") != std::string_view::npos)
        throw std::runtime_error("the subscription failed: " + std::string(payload));
      for (std::size_t from = 0; from < payload.size();) {
        std::string_view data = next_text(payload, "Data", from);
        if (!data.empty()) record(from_base64(data).value_or(""));
      }
    }
  }

 private:
  static constexpr std::size_t prelude_bytes = 12;

  KinesisClient client_;
  std::size_t at_ = 0;  // of the body, where the next message begins
};

void pause() {
  timespec pause{.tv_nsec = 20'000'000};
  ::nanosleep(&pause, nullptr);
}

}  // namespace

std::unique_ptr<Writer> kinesis_writer(const Target& target) {
  return std::make_unique<KinesisWriter>(target);
}

std::unique_ptr<Reader> kinesis_subscriber(const Target& target) {
  KinesisClient control(target.port);
  std::string described =
      control.call("DescribeStream", "{\"StreamName\":\"" + target.stream + "\"}");
  std::string registered =
      control.call("RegisterStreamConsumer", "{\"StreamARN\":\"" +
                                                 std::string(first_text(described, "StreamARN")) +
                                                 "\",\"ConsumerName\":\"bench\"}");
  std::string consumer(first_text(registered, "ConsumerARN"));
  // AWS makes consumers in a while, and so do some of those that imitate it.
  while (true) {
    std::string state =
        control.call("DescribeStreamConsumer", "{\"ConsumerARN\":\"" + consumer + "\"}");
    if (first_text(state, "ConsumerStatus") == "ACTIVE") break;
    pause();
  }
  return std::make_unique<KinesisSubscriber>(target, consumer, first_text(described, "ShardId"));
}

}  // namespace tailrace::load
