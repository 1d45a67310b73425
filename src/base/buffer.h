#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/check.h"

namespace tailrace {

// Bytes that grow at the end, for hot paths: growing does not zero, and a writer may reserve room
// and fill it in place. Not thread-safe. Running out of memory stops the process.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t capacity) { reserve(capacity); }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~Buffer() { std::free(data_); }

  char* data() { return data_; }
  const char* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  std::string_view view() const { return {data_, size_}; }

  void clear() { size_ = 0; }
  void truncate(std::size_t size) {
    TAILRACE_CHECK(size <= size_);
    size_ = size;
  }

  void reserve(std::size_t capacity) {
    if (capacity > capacity_) grow(capacity);
  }

  // Room for `count` bytes at the end; call wrote() with how many were used.
  char* room(std::size_t count) {
    if (capacity_ - size_ < count) grow(size_ + count);
    return data_ + size_;
  }
  void wrote(std::size_t count) { size_ += count; }

  void append(std::string_view bytes) {
    if (bytes.empty()) return;
    std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  void append(char byte) {
    *room(1) = byte;
    ++size_;
  }

  // Integers in the log's byte order (little endian).
  template <typename Integer>
  void append_le(Integer value) {
    std::memcpy(room(sizeof value), &value, sizeof value);
    size_ += sizeof value;
  }
  template <typename Integer>
  void put_le(std::size_t at, Integer value) {
    TAILRACE_CHECK(at + sizeof value <= size_);
    std::memcpy(data_ + at, &value, sizeof value);
  }

 private:
  void grow(std::size_t capacity) {
    std::size_t wanted = capacity_ < 256 ? 256 : capacity_ * 2;
    if (wanted < capacity) wanted = capacity;
    void* moved = std::realloc(data_, wanted);
    TAILRACE_CHECK(moved != nullptr);
    data_ = static_cast<char*>(moved);
    capacity_ = wanted;
  }

  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace tailrace
