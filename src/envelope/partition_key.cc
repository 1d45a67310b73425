#include "envelope/partition_key.h"

#include <openssl/sha.h>

#include <algorithm>

#include "base/hex.h"

namespace tailrace::envelope {
namespace {

constexpr std::size_t key_characters_max = 256;  // Kinesis takes no longer partition key.

void append_escaped(Buffer& out, std::string_view text) {
  for (;;) {
    std::size_t plain = std::min(text.find_first_of(".\\"), text.size());
    out.append(text.substr(0, plain));
    if (plain == text.size()) return;
    out.append('\\');
    out.append(text[plain]);
    text.remove_prefix(plain + 1);
  }
}

std::size_t characters_of(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char byte) { return (byte & 0xc0) != 0x80; }));
}

void replace_by_digest(Buffer& out, std::size_t start) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  std::string_view key = out.view().substr(start);
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest);
  out.truncate(start);
  out.append(hex({reinterpret_cast<const char*>(digest), sizeof digest}));
}

bool is_known(const Value& value) {
  return value.state == Value::State::text || value.state == Value::State::null;
}

// The column as the row that names the change has it. An old value stands in for a new one that
// the source left out as unchanged.
const Value& key_value(const Change& change, Context::Half half, std::size_t column) {
  bool old_row = half == Context::Half::old_key || change.after.empty();
  if (old_row) return change.before[column];
  const Value& value = change.after[column];
  return is_known(value) || change.before.empty() ? value : change.before[column];
}

}  // namespace

PartitionKey::PartitionKey(PartitionBy partition_by, const Table& table)
    : table_key_(table.schema + "." + table.name) {
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    if (table.columns[i].key_position > 0) columns_.push_back(i);
  std::sort(columns_.begin(), columns_.end(), [&](std::size_t left, std::size_t right) {
    return table.columns[left].key_position < table.columns[right].key_position;
  });
  by_row_ = partition_by == PartitionBy::primary_key && !columns_.empty();
}

void PartitionKey::append(Buffer& out, const Change& change, Context::Half half) const {
  std::size_t start = out.size();
  out.append(table_key_);
  if (by_row_ && !(change.before.empty() && change.after.empty())) {
    out.append('.');
    append_row_key(out, change, half);
  }
  if (out.size() - start > key_characters_max &&
      characters_of(out.view().substr(start)) > key_characters_max)
    replace_by_digest(out, start);
}

void PartitionKey::append_row_key(Buffer& out, const Change& change, Context::Half half) const {
  if (change.before.empty() && change.after.empty()) return;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (i > 0) out.append('.');
    const Value& value = key_value(change, half, columns_[i]);
    if (value.state != Value::State::text)
      out.append("\\N");
    else if (columns_.size() == 1)
      out.append(value.bytes);
    else
      append_escaped(out, value.bytes);
  }
}

bool PartitionKey::changes(const Change& change) const {
  if (!by_row_ || change.operation != Operation::update || change.before.empty() ||
      change.after.empty())
    return false;
  return std::any_of(columns_.begin(), columns_.end(), [&](std::size_t column) {
    const Value &before = change.before[column], &after = change.after[column];
    if (!is_known(before) || !is_known(after)) return false;
    return before.state != after.state || before.bytes != after.bytes;
  });
}

}  // namespace tailrace::envelope
