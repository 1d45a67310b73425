#include "record/sequence_number.h"

#include <array>

#include "base/whole_number.h"

namespace tailrace {
namespace {

// 192 bits as three words, most significant first.
using Wide = std::array<std::uint64_t, 3>;

// A field may begin in one word and end in the next higher one.
void put(Wide& wide, unsigned low_bit, unsigned bits, std::uint64_t value) {
  if (bits < 64) value &= (std::uint64_t{1} << bits) - 1;
  unsigned word = 2 - low_bit / 64;
  unsigned shift = low_bit % 64;
  wide[word] |= value << shift;
  if (shift + bits > 64) wide[word - 1] |= value >> (64 - shift);
}

std::uint64_t get(const Wide& wide, unsigned low_bit, unsigned bits) {
  unsigned word = 2 - low_bit / 64;
  unsigned shift = low_bit % 64;
  auto value = wide[word] >> shift;
  if (shift + bits > 64) value |= wide[word - 1] << (64 - shift);
  return bits < 64 ? value & ((std::uint64_t{1} << bits) - 1) : value;
}

// Writes the number so that it ends before `end`; where it begins. Every answered record has two of
// these, for which printf is too slow.
char* write_digits(char* end, std::uint64_t number) {
  do {
    *--end = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  return end;
}

}  // namespace

std::string shard_id(ShardNumber shard) {
  std::string text = "shardId-000000000000";
  write_digits(text.data() + text.size(), shard);
  return text;
}

std::optional<ShardNumber> parse_shard_id(std::string_view id) {
  constexpr std::string_view prefix = "shardId-";
  if (!id.starts_with(prefix)) return std::nullopt;
  id.remove_prefix(prefix.size());
  return parse_whole<ShardNumber>(id);
}

std::string to_string(const SequenceNumber& number) {
  Wide wide{};
  put(wide, 184, 4, 2);
  put(wide, 148, 36, static_cast<std::uint64_t>(number.shard_created_seconds));
  put(wide, 144, 4, number.shard % 16);
  put(wide, 80, 64, number.counter);
  put(wide, 36, 36, static_cast<std::uint64_t>(number.record_seconds));
  put(wide, 4, 32, number.shard);
  put(wide, 0, 4, 2);

  // Long division by 10^18 turns the words into groups of eighteen digits.
  std::array<char, 60> digits;
  digits.fill('0');
  char* first = digits.data() + digits.size();
  constexpr std::uint64_t group = 1'000'000'000'000'000'000u;
  constexpr int group_digits = 18;
  while (wide[0] != 0 || wide[1] != 0 || wide[2] != 0) {
    unsigned __int128 rest = 0;
    for (auto& word : wide) {
      rest = (rest << 64) | word;
      word = static_cast<std::uint64_t>(rest / group);
      rest %= group;
    }
    bool last = wide[0] == 0 && wide[1] == 0 && wide[2] == 0;
    char* leading = write_digits(first, static_cast<std::uint64_t>(rest));
    first = last ? leading : first - group_digits;
  }
  return {first, digits.data() + digits.size()};
}

std::optional<SequenceNumber> parse_sequence_number(std::string_view decimal) {
  if (decimal.size() != 56) return std::nullopt;
  Wide wide{};
  for (char digit : decimal) {
    if (digit < '0' || digit > '9') return std::nullopt;
    auto carry = static_cast<unsigned __int128>(digit - '0');
    for (int word = 2; word >= 0; --word) {
      auto index = static_cast<std::size_t>(word);
      carry += static_cast<unsigned __int128>(wide[index]) * 10;
      wide[index] = static_cast<std::uint64_t>(carry);
      carry >>= 64;
    }
  }
  if (get(wide, 184, 8) != 2 || get(wide, 0, 4) != 2 || get(wide, 72, 8) != 0) return std::nullopt;
  SequenceNumber number;
  number.shard_created_seconds = static_cast<std::int64_t>(get(wide, 148, 36));
  number.counter = get(wide, 80, 64);
  number.record_seconds = static_cast<std::int64_t>(get(wide, 36, 36));
  number.shard = static_cast<ShardNumber>(get(wide, 4, 32));
  if (get(wide, 144, 4) != number.shard % 16 || (number.counter >> 63) != 0) return std::nullopt;
  return number;
}

}  // namespace tailrace
