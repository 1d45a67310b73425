#include "aws/kinesis/shard_iterator.h"

#include "aws/digest.h"
#include "base/base64.h"
#include "base/buffer.h"
#include "base/byte_reader.h"

namespace tailrace::aws::kinesis {
namespace {

constexpr char form = 1;
constexpr std::size_t fixed_bytes = 1 + 8 + 4 + 8 + 8 + 8;
constexpr std::size_t name_bytes_max = 128;
constexpr std::size_t mac_bytes = 16;

}  // namespace

std::string ShardIterators::mac(std::string_view content) const {
  // The prefix keeps what else may be signed with this key from passing as an iterator.
  std::string text = "shard-iterator:";
  return std::string(bytes_of(hmac_sha256(key_, text += content)).substr(0, mac_bytes));
}

std::string ShardIterators::seal(const ShardIterator& iterator) {
  Buffer content;
  content.append(form);
  content.append_le(iterator.incarnation);
  content.append_le(iterator.shard);
  content.append_le(iterator.offset);
  content.append_le(iterator.issued_ms);
  content.append_le(serial_.fetch_add(1, std::memory_order_relaxed));
  content.append(iterator.stream);
  content.append(mac(content.view()));
  return base64(content.view());
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

  ByteReader reader(content.substr(1));
  ShardIterator iterator;
  iterator.incarnation = reader.le<std::uint64_t>();
  iterator.shard = reader.le<ShardNumber>();
  iterator.offset = reader.le<Offset>();
  iterator.issued_ms = reader.le<std::int64_t>();
  reader.le<std::uint64_t>();  // the serial
  iterator.stream = reader.bytes(reader.left());
  return iterator;
}

}  // namespace tailrace::aws::kinesis
