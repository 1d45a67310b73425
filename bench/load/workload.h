#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tailrace::load {

// What one connection asks over and over. One thread.
class Workload {
 public:
  virtual ~Workload() = default;
  // The next request, whole; valid until the next call.
  virtual std::string_view next() = 0;
  // Checks the answer to it; the records it carried. std::runtime_error says what is wrong.
  virtual std::size_t check(int status, std::string_view body) = 0;
};

struct Target {
  std::uint16_t port = 0;
  std::string stream;
};

// PutRecord of `bytes` random bytes, each time with another partition key.
std::unique_ptr<Workload> put_record(const Target& target, std::size_t bytes, unsigned connection);
// PutRecords of `batch` such records. One that the server did not take is an error.
std::unique_ptr<Workload> put_records(const Target& target, std::size_t bytes, std::size_t batch,
                                      unsigned connection);
// GetRecords from the beginning of one of the stream's shards to where it ends, and again. Each
// connection reads the shard of its number.
std::unique_ptr<Workload> get_records(const Target& target, std::size_t limit, unsigned connection);

// Base64 of random bytes.
std::string random_data(std::size_t bytes, unsigned seed);

}  // namespace tailrace::load
