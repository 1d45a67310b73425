#include "pgoutput/open_transactions.h"

#include <sys/uio.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "base/check.h"

namespace tailrace::pgoutput {
namespace {

constexpr std::size_t record_header_bytes = 8;
// Large enough to read a disk at its full speed, small beside the memory that a transaction frees.
constexpr std::size_t read_bytes = 256u << 10;
constexpr std::string_view file_suffix = ".open-transaction";

std::string file_name(std::uint32_t xid) { return std::to_string(xid) + std::string(file_suffix); }

std::uint32_t number_at(const char* at) {
  std::uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

bool always_replayed(char type) { return type == 'R' || type == 'Y'; }

// Hands over the whole records at the front of `records`; how many bytes they took.
Result<std::size_t> replay_records(std::string_view records,
                                   const std::vector<std::uint32_t>& aborted,
                                   const OpenTransactions::Take& take) {
  std::size_t at = 0;
  while (records.size() - at >= record_header_bytes) {
    std::size_t length = number_at(records.data() + at);
    std::uint32_t subxid = number_at(records.data() + at + 4);
    if (records.size() - at - record_header_bytes < length) break;
    std::string_view message = records.substr(at + record_header_bytes, length);
    at += record_header_bytes + length;
    if (message.empty()) return Error{Fault::corrupt, "a spilled message is empty"};
    bool dropped = !aborted.empty() && !always_replayed(message[0]) &&
                   std::binary_search(aborted.begin(), aborted.end(), subxid);
    if (dropped) continue;
    if (auto taken = take(message); !taken) return std::move(taken).error();
  }
  return at;
}

}  // namespace

Result<void> OpenTransactions::clear_leftovers() {
  auto names = spill_.list();
  if (!names) return std::move(names).error();
  for (const std::string& name : *names) {
    if (!name.ends_with(file_suffix)) continue;
    if (auto removed = spill_.remove(name); !removed) return removed;
  }
  return {};
}

Result<void> OpenTransactions::append(std::uint32_t xid, std::uint32_t subxid, char type,
                                      std::string_view rest) {
  OpenTransaction& transaction = open_.at(xid);
  Buffer& memory = transaction.memory;
  std::size_t before = memory.capacity();
  memory.append_le(static_cast<std::uint32_t>(rest.size() + 1));
  memory.append_le(subxid);
  memory.append(type);
  memory.append(rest);
  memory_bytes_ += memory.capacity() - before;
  if (memory_bytes_ > memory_bytes_max_) return spill_largest();
  return {};
}

void OpenTransactions::abort_subtransaction(std::uint32_t xid, std::uint32_t subxid) {
  open_.at(xid).aborted.push_back(subxid);
}

Result<void> OpenTransactions::replay(std::uint32_t xid, const Take& take) {
  OpenTransaction& transaction = open_.at(xid);
  std::sort(transaction.aborted.begin(), transaction.aborted.end());
  if (auto replayed = replay_file(xid, transaction, take); !replayed) return replayed;
  auto taken = replay_records(transaction.memory.view(), transaction.aborted, take);
  if (!taken) return std::move(taken).error();
  TAILRACE_CHECK(*taken == transaction.memory.size());
  return {};
}

Result<void> OpenTransactions::remove(std::uint32_t xid) {
  auto found = open_.find(xid);
  TAILRACE_CHECK(found != open_.end());
  bool has_file = found->second.file_bytes > 0;
  memory_bytes_ -= found->second.memory.capacity();
  open_.erase(found);
  if (has_file) return spill_.remove(file_name(xid));
  return {};
}

Result<void> OpenTransactions::remove_all() {
  while (!open_.empty())
    if (auto removed = remove(open_.begin()->first); !removed) return removed;
  return {};
}

Result<void> OpenTransactions::spill_largest() {
  auto largest = std::max_element(open_.begin(), open_.end(), [](const auto& a, const auto& b) {
    return a.second.memory.capacity() < b.second.memory.capacity();
  });
  auto spilled = spill(largest->first, largest->second);
  if (!spilled) {
    Error error =
        std::move(spilled).error().during("spill transaction " + std::to_string(largest->first));
    if (error.fault == Fault::full) error.message += "; make room in " + spill_.path();
    return error;
  }
  return {};
}

Result<void> OpenTransactions::spill(std::uint32_t xid, OpenTransaction& transaction) {
  auto how = transaction.file_bytes == 0 ? Directory::Open::create_new : Directory::Open::existing;
  auto file = spill_.open(file_name(xid), how);
  if (!file) return std::move(file).error();
  if (transaction.file_bytes == 0) ++spilled_transactions_;
  ::iovec piece{transaction.memory.data(), transaction.memory.size()};
  std::uint64_t at = transaction.file_bytes;
  // Counted before the write, so that a write that fails half way leaves a file that is removed.
  transaction.file_bytes += transaction.memory.size();
  spilled_bytes_ += transaction.memory.size();
  if (auto written = (*file)->write(at, &piece, 1); !written) return written;
  memory_bytes_ -= transaction.memory.capacity();
  Buffer nothing;
  transaction.memory = std::move(nothing);
  return {};
}

Result<void> OpenTransactions::replay_file(std::uint32_t xid, const OpenTransaction& transaction,
                                           const Take& take) {
  if (transaction.file_bytes == 0) return {};
  auto file = spill_.open(file_name(xid), Directory::Open::existing);
  if (!file) return std::move(file).error();
  Buffer buffer;
  std::uint64_t file_position = 0;
  while (file_position < transaction.file_bytes) {
    auto count = static_cast<std::size_t>(
        std::min<std::uint64_t>(read_bytes, transaction.file_bytes - file_position));
    if (auto read = (*file)->read(file_position, buffer.room(count), count); !read) return read;
    buffer.wrote(count);
    file_position += count;
    auto taken = replay_records(buffer.view(), transaction.aborted, take);
    if (!taken) return std::move(taken).error();
    std::memmove(buffer.data(), buffer.data() + *taken, buffer.size() - *taken);
    buffer.truncate(buffer.size() - *taken);
  }
  if (!buffer.empty())
    return Error{Fault::corrupt,
                 spill_.path() + "/" + file_name(xid) + " does not end with a whole message"};
  return {};
}

}  // namespace tailrace::pgoutput
