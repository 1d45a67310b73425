#include "capture/progress.h"

#include "base/buffer.h"
#include "base/byte_reader.h"
#include "base/whole_number.h"

namespace tailrace::capture {
namespace {

constexpr std::string_view creating = "creating ";

std::string position_key(const std::string& task) { return "task/" + task; }
std::string slot_key(const std::string& task) { return "task/" + task + "/slot"; }
std::string load_prefix(const std::string& task) { return "task/" + task + "/load/"; }

Error unreadable(const std::string& key) {
  return {Fault::corrupt,
          "the stream's mark '" + key +
              "' cannot be read; it was written by another version of this program"};
}

}  // namespace

Result<Progress> read_progress(const log::StreamLog& log, const std::string& task) {
  Progress progress;
  for (const auto& [key, value] : log.marks()) {
    if (value.empty()) continue;
    if (key == position_key(task)) {
      progress.position = decode_position(value);
      if (!progress.position) return unreadable(key);
    } else if (key == slot_key(task)) {
      if (!value.starts_with(creating)) return unreadable(key);
      progress.creating_slot = value.substr(creating.size());
    } else if (key.starts_with(load_prefix(task))) {
      auto oid = parse_whole<std::uint32_t>(key.substr(load_prefix(task).size()));
      ByteReader in(value);
      LoadMark load;
      load.snapshot.value = in.le<std::uint64_t>();
      load.rows = in.le<std::uint64_t>();
      if (!oid || !in.ok() || !in.at_end()) return unreadable(key);
      progress.loads.emplace(*oid, load);
    }
  }
  return progress;
}

void mark_position(stream::Batch& batch, const std::string& task, const Position& position) {
  batch.set_mark(position_key(task), encode(position));
}

void mark_creating_slot(stream::Batch& batch, const std::string& task, const std::string& slot) {
  batch.set_mark(slot_key(task), std::string(creating) + slot);
}

void mark_slot_made(stream::Batch& batch, const std::string& task) {
  batch.set_mark(slot_key(task), "");
}

void mark_load(stream::Batch& batch, const std::string& task, std::uint32_t oid,
               const LoadMark& load) {
  Buffer value;
  value.append_le(load.snapshot.value);
  value.append_le(load.rows);
  batch.set_mark(load_prefix(task) + std::to_string(oid), std::string(value.view()));
}

void mark_load_forgotten(stream::Batch& batch, const std::string& task, std::uint32_t oid) {
  batch.set_mark(load_prefix(task) + std::to_string(oid), "");
}

void mark_forgotten(stream::Batch& batch, const std::string& task, const Progress& progress) {
  batch.set_mark(position_key(task), "");
  batch.set_mark(slot_key(task), "");
  for (const auto& [oid, load] : progress.loads) mark_load_forgotten(batch, task, oid);
}

}  // namespace tailrace::capture
