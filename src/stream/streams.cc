#include "stream/streams.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace tailrace::stream {
namespace {

std::string folder_name(const StreamSpec& spec) {
  char incarnation[17];
  std::snprintf(incarnation, sizeof incarnation, "%016llx",
                static_cast<unsigned long long>(spec.incarnation));
  return spec.name + "-" + incarnation;
}

Result<void> remove_folder(Directory& parent, const std::string& name) {
  auto all = parent.list();
  if (!all) return std::move(all).error();
  if (std::find(all->begin(), all->end(), name) == all->end()) return {};
  auto folder = parent.subdirectory(name);
  if (!folder) return std::move(folder).error();
  auto files = (*folder)->list();
  if (!files) return std::move(files).error();
  for (const std::string& file : *files)
    if (auto removed = (*folder)->remove(file); !removed) return removed;
  // Some folders are gone with their last file.
  if (auto removed = parent.remove(name); !removed && removed.error().fault != Fault::not_found)
    return removed;
  return parent.sync();
}

// A stream with the folder that its log works in.
struct OpenStream {
  OpenStream(std::unique_ptr<Directory> folder_of_log, StreamSpec spec,
             std::unique_ptr<log::StreamLog> log, Clock& clock, Executor executor)
      : folder(std::move(folder_of_log)),
        stream(std::move(spec), std::move(log), clock, std::move(executor)) {}

  std::unique_ptr<Directory> folder;
  Stream stream;
};

}  // namespace

Streams::~Streams() {
  for (const auto& stream : all()) stream->forget_waiters();
}

Result<std::shared_ptr<Stream>> Streams::open(StreamSpec spec) {
  if (auto named = check_stream_name(spec.name); !named) return std::move(named).error();
  if (spec.open_shards() == 0)
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
    auto owner =
        std::make_shared<OpenStream>(std::move(*folder), spec, std::move(*log), clock_, executor_);
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

Result<void> Streams::remove(const StreamSpec& spec) {
  auto stream = open_.with([&](auto& open) -> std::shared_ptr<Stream> {
    auto found = open.find(spec.name);
    // Another stream may have the name meanwhile.
    if (found == open.end() || found->second->spec()->incarnation != spec.incarnation)
      return nullptr;
    auto taken = std::move(found->second);
    open.erase(found);
    return taken;
  });
  if (stream) stream->end_for_deletion();

  auto streams = data_.subdirectory("streams");
  if (!streams) return std::move(streams).error();
  auto removed = remove_folder(**streams, folder_name(spec));
  if (!removed) return std::move(removed).error().during("delete the stream " + spec.name);
  return {};
}

}  // namespace tailrace::stream
