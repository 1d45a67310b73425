#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tailrace {

// A place on the 128-bit ring that shards divide among themselves.
struct HashKey {
  unsigned __int128 value = 0;
  bool operator==(const HashKey&) const = default;
  bool operator<(const HashKey& other) const { return value < other.value; }
  bool operator<=(const HashKey& other) const { return value <= other.value; }
};

inline constexpr HashKey hash_key_max{~static_cast<unsigned __int128>(0)};

// MD5 of the key's UTF-8 bytes as a big-endian number, as Kinesis routes records.
HashKey hash_key_of(std::string_view partition_key);

// Decimal, without leading zeros: 0 to 2^128-1.
std::string to_string(HashKey key);
std::optional<HashKey> parse_hash_key(std::string_view decimal);

// Both ends belong to the range.
struct HashRange {
  HashKey first;
  HashKey last;
  bool contains(HashKey key) const { return first <= key && key <= last; }
  bool operator==(const HashRange&) const = default;
};

}  // namespace tailrace
