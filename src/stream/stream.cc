#include "stream/stream.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/check.h"

namespace tailrace::stream {
namespace {

constexpr std::size_t name_bytes_max = 128;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-';
}

std::string folder_name(const StreamSpec& spec) {
  char incarnation[17];
  std::snprintf(incarnation, sizeof incarnation, "%016llx",
                static_cast<unsigned long long>(spec.incarnation));
  return spec.name + "-" + incarnation;
}

// A stream with the folder that its log works in.
struct OpenStream {
  OpenStream(std::unique_ptr<Directory> folder_of_log, StreamSpec spec,
             std::unique_ptr<log::StreamLog> log, Clock& clock)
      : folder(std::move(folder_of_log)), stream(std::move(spec), std::move(log), clock) {}

  std::unique_ptr<Directory> folder;
  Stream stream;
};

}  // namespace

std::vector<Shard> initial_shards(std::uint32_t count, std::int64_t created_seconds) {
  TAILRACE_CHECK(count > 0);
  // (2^128 - 1) / count is 2^128 / count, except that 2^128 itself cannot be written down when
  // count is a power of two: the remainder tells.
  unsigned __int128 width = hash_key_max.value / count;
  if (hash_key_max.value % count == count - 1) ++width;
  std::vector<Shard> shards;
  shards.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    Shard shard{.number = i, .created_seconds = created_seconds};
    shard.range.first.value = width * i;
    shard.range.last.value = i + 1 == count ? hash_key_max.value : width * (i + 1) - 1;
    shards.push_back(shard);
  }
  return shards;
}

Result<void> check_stream_name(const std::string& name) {
  if (name.empty()) return Error{Fault::invalid, "a stream name may not be empty"};
  if (name.size() > name_bytes_max)
    return Error{Fault::invalid, "the stream name " + name.substr(0, 20) + "... has " +
                                     std::to_string(name.size()) + " characters, at most " +
                                     std::to_string(name_bytes_max) + " are allowed"};
  auto odd = std::find_if_not(name.begin(), name.end(), is_name_character);
  if (odd != name.end())
    return Error{Fault::invalid, "the stream name " + name +
                                     " has a character that is none of a-z A-Z 0-9 _ . - at "
                                     "position " +
                                     std::to_string(odd - name.begin() + 1)};
  return {};
}

Stream::Stream(StreamSpec spec, std::unique_ptr<log::StreamLog> log, Clock& clock)
    : spec_(std::move(spec)), log_(std::move(log)), clock_(clock), routes_(spec_.shards) {
  std::sort(routes_.begin(), routes_.end(),
            [](const Shard& a, const Shard& b) { return a.range.first < b.range.first; });
}

ShardNumber Stream::shard_for(HashKey key) const {
  auto behind = std::upper_bound(
      routes_.begin(), routes_.end(), key,
      [](HashKey wanted, const Shard& shard) { return wanted < shard.range.first; });
  TAILRACE_CHECK(behind != routes_.begin() && std::prev(behind)->range.contains(key));
  return std::prev(behind)->number;
}

log::Batch Stream::begin_batch() const { return log::Batch(clock_.now()); }

std::string Stream::sequence_number(ShardNumber shard, const log::Record& record) const {
  auto found = std::find_if(spec_.shards.begin(), spec_.shards.end(),
                            [&](const Shard& candidate) { return candidate.number == shard; });
  TAILRACE_CHECK(found != spec_.shards.end());
  auto arrived =
      std::chrono::floor<std::chrono::seconds>(std::chrono::milliseconds{record.arrival_ms});
  return to_string(SequenceNumber{.shard_created_seconds = found->created_seconds,
                                  .shard = shard,
                                  .counter = record.offset + 1,
                                  .record_seconds = arrived.count()});
}

Result<std::size_t> Stream::retire() {
  auto horizon = std::chrono::floor<std::chrono::milliseconds>(clock_.now() - spec_.retention);
  auto retired = log_->retire(horizon.time_since_epoch().count(), spec_.retention_bytes);
  if (!retired) return std::move(retired).error().during("stream " + spec_.name);
  return retired;
}

Result<std::shared_ptr<Stream>> Streams::open(StreamSpec spec) {
  if (auto named = check_stream_name(spec.name); !named) return std::move(named).error();
  if (spec.shards.empty())
    return Error{Fault::invalid, "the stream " + spec.name + " has no shards"};
  // Held while the log recovers, so that nobody opens the same folder beside us.
  return open_.with([&](auto& open) -> Result<std::shared_ptr<Stream>> {
    if (open.contains(spec.name))
      return Error{Fault::conflict, "the stream " + spec.name + " is open already"};
    auto streams = data_.subdirectory("streams");
    if (!streams) return std::move(streams).error();
    auto folder = (*streams)->subdirectory(folder_name(spec));
    if (!folder) return std::move(folder).error();
    log::StreamLog::Options options;
    options.name = spec.name;
    options.incarnation = spec.incarnation;
    options.sync = spec.sync;
    auto log = log::StreamLog::open(**folder, std::move(options), clock_);
    if (!log) return std::move(log).error();
    auto owner = std::make_shared<OpenStream>(std::move(*folder), spec, std::move(*log), clock_);
    std::shared_ptr<Stream> stream(owner, &owner->stream);
    open[spec.name] = stream;
    return stream;
  });
}

std::shared_ptr<Stream> Streams::find(const std::string& name) const {
  return open_.with([&](const auto& open) -> std::shared_ptr<Stream> {
    auto found = open.find(name);
    return found == open.end() ? nullptr : found->second;
  });
}

std::vector<std::shared_ptr<Stream>> Streams::all() const {
  return open_.with([](const auto& open) {
    std::vector<std::shared_ptr<Stream>> streams;
    for (const auto& [name, stream] : open) streams.push_back(stream);
    return streams;
  });
}

}  // namespace tailrace::stream
