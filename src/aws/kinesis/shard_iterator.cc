#include "aws/kinesis/shard_iterator.h"

#include "aws/digest.h"
#include "base/base64.h"

namespace tailrace::aws::kinesis {
namespace {

constexpr char form = 1;
constexpr std::size_t fixed_bytes = 1 + 8 + 4 + 8 + 8 + 8;
constexpr std::size_t name_bytes_max = 128;
constexpr std::size_t mac_bytes = 16;

template <typename Number>
void put(std::string& out, Number number) {
  for (std::size_t i = 0; i < sizeof number; ++i)
    out += static_cast<char>(static_cast<std::uint64_t>(number) >> (8 * i) & 0xff);
}

template <typename Number>
Number take(std::string_view& in) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i)
    number |= std::uint64_t{static_cast<unsigned char>(in[i])} << (8 * i);
  in.remove_prefix(sizeof(Number));
  return static_cast<Number>(number);
}

}  // namespace

std::string ShardIterators::mac(std::string_view content) const {
  // The prefix keeps what else may be signed with this key from passing as an iterator.
  std::string text = "shard-iterator:";
  return std::string(bytes_of(hmac_sha256(key_, text += content)).substr(0, mac_bytes));
}

std::string ShardIterators::seal(const ShardIterator& iterator) {
  std::string content(1, form);
  put(content, iterator.incarnation);
  put(content, iterator.shard);
  put(content, iterator.offset);
  put(content, iterator.issued_ms);
  put(content, serial_.fetch_add(1, std::memory_order_relaxed));
  content += iterator.stream;
  content += mac(content);
  return base64(content);
}

std::optional<ShardIterator> ShardIterators::open(std::string_view text) const {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  auto bytes = from_base64(text);
  if (!bytes || bytes->size() <= fixed_bytes + mac_bytes ||
      bytes->size() > fixed_bytes + name_bytes_max + mac_bytes)
    return std::nullopt;
  std::string_view content(*bytes);
  auto said = content.substr(content.size() - mac_bytes);
  content.remove_suffix(mac_bytes);
  if (!equal_in_constant_time(mac(content), said) || content.front() != form) return std::nullopt;

  content.remove_prefix(1);
  ShardIterator iterator;
  iterator.incarnation = take<std::uint64_t>(content);
  iterator.shard = take<ShardNumber>(content);
  iterator.offset = take<Offset>(content);
  iterator.issued_ms = take<std::int64_t>(content);
  take<std::uint64_t>(content);  // the serial
  iterator.stream = content;
  return iterator;
}

}  // namespace tailrace::aws::kinesis
