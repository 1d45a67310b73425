#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace tailrace::http {

// Bytes that all requests of a server share, so that many peers together cannot take more memory
// than one limit. Any thread.
class Budget {
 public:
  explicit Budget(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  bool take(std::size_t bytes) {
    if (bytes <= bytes_max_ && taken_.fetch_add(bytes) <= bytes_max_ - bytes) return true;
    if (bytes <= bytes_max_) taken_ -= bytes;
    return false;
  }
  void give_back(std::size_t bytes) { taken_ -= bytes; }
  std::size_t taken() const { return taken_; }

 private:
  const std::size_t bytes_max_;
  std::atomic<std::size_t> taken_ = 0;
};

// One request's part of a budget, given back at its end.
class Hold {
 public:
  explicit Hold(Budget& budget) : budget_(budget) {}
  ~Hold() { release(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  // False when it does not fit; what was held before stays held.
  bool grow(std::size_t bytes) {
    if (!budget_.take(bytes)) return false;
    bytes_ += bytes;
    return true;
  }
  void shrink(std::size_t bytes) {
    bytes_ -= bytes;
    budget_.give_back(bytes);
  }
  void release() { budget_.give_back(std::exchange(bytes_, 0)); }

 private:
  Budget& budget_;
  std::size_t bytes_ = 0;
};

}  // namespace tailrace::http
