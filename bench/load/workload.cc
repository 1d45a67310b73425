#include "load/workload.h"

#include <algorithm>
#include <random>
#include <stdexcept>
#include <vector>

#include "load/kinesis_client.h"

namespace tailrace::load {
namespace {

constexpr std::size_t key_digits = 8;

void expect_ok(int status, std::string_view body) {
  if (status != 200)
    throw std::runtime_error("status " + std::to_string(status) + ": " +
                             std::string(body.substr(0, 400)));
}

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1))
    ++found;
  return found;
}

// Writes records with partition keys that are never the same twice. The request is made once; only
// the digits of its keys change.
class Put : public Workload {
 public:
  Put(const Target& target, std::size_t bytes, std::size_t batch, bool single, unsigned connection)
      : batch_(batch), next_key_(connection * 0x1000000u) {
    std::string record =
        "\"Data\":\"" + random_data(bytes, connection) + "\",\"PartitionKey\":\"" + marker + "\"";
    std::string body = "{\"StreamName\":\"" + target.stream + "\",";
    if (single) {
      body += record + "}";
    } else {
      body += "\"Records\":[";
      for (std::size_t n = 0; n < batch; ++n) body += (n ? ",{" : "{") + record + "}";
      body += "]}";
    }
    request_ = kinesis_request(target.port, single ? "PutRecord" : "PutRecords", body);
    for (std::size_t at = 0; (at = request_.find(marker, at)) != std::string::npos; ++at)
      keys_.push_back(at);
  }

  std::string_view next() override {
    for (std::size_t at : keys_) {
      std::uint32_t key = next_key_++;
      for (std::size_t digit = 0; digit < key_digits; ++digit, key >>= 4)
        request_[at + digit] = "0123456789abcdef"[key & 15];
    }
    return request_;
  }

  std::size_t check(int status, std::string_view body) override {
    expect_ok(status, body);
    std::size_t taken = count(body, "\"SequenceNumber\"");
    if (taken != batch_)
      throw std::runtime_error(std::to_string(taken) + " sequence numbers for " +
                               std::to_string(batch_) +
                               " records: " + std::string(body.substr(0, 400)));
    return batch_;
  }

 private:
  // Has characters that base64 has not.
  static constexpr const char* marker = "-_-_-_-_";

  std::size_t batch_;
  std::uint32_t next_key_;
  std::string request_;
  std::vector<std::size_t> keys_;  // where their digits are in request_
};

class Get : public Workload {
 public:
  Get(const Target& target, std::size_t limit, unsigned connection)
      : port_(target.port), limit_(limit) {
    KinesisClient client(port_);
    std::string stream = "{\"StreamName\":\"" + target.stream + "\"";
    std::string shards = client.call("DescribeStream", stream + "}");
    std::vector<std::string> ids;
    for (std::size_t at = 0;;) {
      std::string_view id = next_text(shards, "ShardId", at);
      if (id.empty()) break;
      ids.emplace_back(id);
    }
    if (ids.empty()) throw std::runtime_error("no shards in " + shards.substr(0, 400));
    first_ = first_text(
        client.call("GetShardIterator", stream + ",\"ShardId\":\"" + ids[connection % ids.size()] +
                                            "\",\"ShardIteratorType\":\"TRIM_HORIZON\"}"),
        "ShardIterator");
    iterator_ = first_;
  }

  std::string_view next() override {
    request_ = kinesis_request(
        port_, "GetRecords",
        "{\"ShardIterator\":\"" + iterator_ + "\",\"Limit\":" + std::to_string(limit_) + "}");
    return request_;
  }

  std::size_t check(int status, std::string_view body) override {
    expect_ok(status, body);
    std::size_t records = count(body, "\"PartitionKey\"");
    std::string_view following = first_text(body, "NextShardIterator");
    if (following.empty())
      throw std::runtime_error("no next iterator: " + std::string(body.substr(0, 400)));
    iterator_ = records == 0 ? first_ : following;
    return records;
  }

 private:
  std::uint16_t port_;
  std::size_t limit_;
  std::string first_, iterator_, request_;
};

}  // namespace

std::unique_ptr<Workload> put_record(const Target& target, std::size_t bytes, unsigned connection) {
  return std::make_unique<Put>(target, bytes, 1, true, connection);
}

std::unique_ptr<Workload> put_records(const Target& target, std::size_t bytes, std::size_t batch,
                                      unsigned connection) {
  return std::make_unique<Put>(target, bytes, batch, false, connection);
}

std::unique_ptr<Workload> get_records(const Target& target, std::size_t limit,
                                      unsigned connection) {
  return std::make_unique<Get>(target, limit, connection);
}

std::string random_data(std::size_t bytes, unsigned seed) {
  static constexpr char alphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::mt19937 random(seed);
  std::string text;
  std::size_t whole = bytes / 3, rest = bytes % 3;
  for (std::size_t n = 0; n < whole * 4; ++n) text += alphabet[random() % 64];
  // The last character of a part of a group carries zero bits where there are no bytes.
  if (rest == 1)
    text += std::string() + alphabet[random() % 64] + alphabet[random() % 4 * 16] + "==";
  if (rest == 2)
    text += std::string() + alphabet[random() % 64] + alphabet[random() % 64] +
            alphabet[random() % 16 * 4] + "=";
  return text;
}

}  // namespace tailrace::load
