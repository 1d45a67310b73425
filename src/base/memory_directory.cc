#include "base/memory_directory.h"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <mutex>
#include <optional>
#include <random>

namespace tailrace {
namespace {

// The unit in which a disk keeps or loses a write.
constexpr std::size_t sector_bytes = 512;

struct Change {
  std::uint64_t at = 0;
  std::string bytes;
  std::optional<std::uint64_t> size;  // a new length instead of a write
};

void enact(std::string& content, const Change& change) {
  if (change.size) {
    content.resize(*change.size, '\0');
    return;
  }
  if (content.size() < change.at + change.bytes.size())
    content.resize(change.at + change.bytes.size(), '\0');
  content.replace(change.at, change.bytes.size(), change.bytes);
}

struct Node {
  std::string content;
  std::string durable;
  std::vector<Change> unsynced;

  void change(Change change) {
    enact(content, change);
    unsynced.push_back(std::move(change));
  }
};

using Names = std::map<std::string, std::shared_ptr<Node>>;

struct NameChange {
  enum class Kind { set, remove } kind;
  std::string name;
  std::string from;  // of a rename, which replaces one name by another in one step
  std::shared_ptr<Node> node;
};

void enact(Names& names, const NameChange& change) {
  if (!change.from.empty()) names.erase(change.from);
  if (change.kind == NameChange::Kind::set)
    names[change.name] = change.node;
  else
    names.erase(change.name);
}

std::string torn(const Node& node, std::mt19937_64& random) {
  std::string content = node.durable;
  for (const Change& change : node.unsynced) {
    switch (random() % 3) {
      case 0:
        break;
      case 1:
        enact(content, change);
        break;
      case 2:
        if (change.size) break;
        for (std::size_t at = 0; at < change.bytes.size();) {
          // Sectors are those of the file, not of the write.
          std::size_t length =
              std::min(sector_bytes - (change.at + at) % sector_bytes, change.bytes.size() - at);
          if (random() % 2 == 0)
            enact(content, {change.at + at, change.bytes.substr(at, length), std::nullopt});
          at += length;
        }
        break;
    }
  }
  return content;
}

}  // namespace

struct MemoryDirectory::State {
  mutable std::mutex mutex;
  Names names;
  Names durable_names;
  std::vector<NameChange> unsynced_names;
  std::optional<std::uint64_t> room;
  std::optional<std::uint64_t> write_to_fail, sync_to_fail, change_to_image;
  std::uint64_t image_seed = 0;
  std::uint64_t file_writes = 0;
  std::uint64_t file_syncs = 0;
  std::function<void()> on_sync;
  std::shared_ptr<State> image;

  void change_name(NameChange change) {
    enact(names, change);
    unsynced_names.push_back(std::move(change));
  }

  std::uint64_t used() const {
    std::uint64_t sum = 0;
    for (const auto& [name, node] : names) sum += node->content.size();
    return sum;
  }

  bool fits(const Node& node, std::uint64_t size) const {
    return !room || size <= node.content.size() || used() - node.content.size() + size <= *room;
  }

  static bool due(std::optional<std::uint64_t>& countdown) {
    if (!countdown) return false;
    if (*countdown > 0) {
      --*countdown;
      return false;
    }
    countdown.reset();
    return true;
  }

  void before_change() {
    if (due(change_to_image)) image = power_cut(image_seed);
  }

  std::shared_ptr<State> power_cut(std::uint64_t seed) const {
    std::mt19937_64 random(seed);
    auto after = std::make_shared<State>();
    Names kept = durable_names;
    for (const NameChange& change : unsynced_names)
      if (random() % 2 == 0) enact(kept, change);
    for (const auto& [name, node] : kept) after->put(name, torn(*node, random));
    return after;
  }

  void put(const std::string& name, std::string content) {
    auto node = std::make_shared<Node>();
    node->durable = content;
    node->content = std::move(content);
    names[name] = node;
    durable_names[name] = node;
  }
};

namespace {

class MemoryFile final : public File {
 public:
  MemoryFile(std::shared_ptr<MemoryDirectory::State> disk, std::shared_ptr<Node> node,
             std::string name)
      : disk_(std::move(disk)), node_(std::move(node)), name_(std::move(name)) {}

  Result<void> read(std::uint64_t at, char* into, std::size_t count) override {
    std::lock_guard lock(disk_->mutex);
    if (at > node_->content.size() || count > node_->content.size() - at)
      return Error{Fault::corrupt, name_ + " ends early"};
    node_->content.copy(into, count, at);
    return {};
  }

  Result<void> write(std::uint64_t at, const ::iovec* pieces, int count) override {
    std::string bytes;
    for (int i = 0; i < count; ++i)
      bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
    std::lock_guard lock(disk_->mutex);
    disk_->before_change();
    ++disk_->file_writes;
    bool fails = MemoryDirectory::State::due(disk_->write_to_fail);
    bool fits = disk_->fits(*node_, at + bytes.size());
    if (fails || !fits) {
      bytes.resize(bytes.size() / 2);
      if (disk_->fits(*node_, at + bytes.size()))
        node_->change({at, std::move(bytes), std::nullopt});
      return system_error(fits ? EIO : ENOSPC, "write " + name_);
    }
    node_->change({at, std::move(bytes), std::nullopt});
    return {};
  }

  Result<void> sync() override {
    std::function<void()> call;
    {
      std::lock_guard lock(disk_->mutex);
      call = disk_->on_sync;
    }
    if (call) call();
    std::lock_guard lock(disk_->mutex);
    disk_->before_change();
    ++disk_->file_syncs;
    if (MemoryDirectory::State::due(disk_->sync_to_fail)) {
      node_->unsynced.clear();
      return system_error(EIO, "fdatasync " + name_);
    }
    for (const Change& change : node_->unsynced) enact(node_->durable, change);
    node_->unsynced.clear();
    return {};
  }

  Result<std::uint64_t> size() override {
    std::lock_guard lock(disk_->mutex);
    return static_cast<std::uint64_t>(node_->content.size());
  }

  Result<void> truncate(std::uint64_t size) override {
    std::lock_guard lock(disk_->mutex);
    disk_->before_change();
    node_->change({0, {}, size});
    return {};
  }

  Result<void> allocate(std::uint64_t size) override {
    std::lock_guard lock(disk_->mutex);
    if (size <= node_->content.size()) return {};
    if (!disk_->fits(*node_, size)) return system_error(ENOSPC, "allocate " + name_);
    disk_->before_change();
    node_->change({0, {}, size});
    return {};
  }

 private:
  std::shared_ptr<MemoryDirectory::State> disk_;
  std::shared_ptr<Node> node_;
  std::string name_;
};

}  // namespace

MemoryDirectory::MemoryDirectory() : state_(std::make_shared<State>()) {}
MemoryDirectory::MemoryDirectory(std::shared_ptr<State> state, std::string prefix)
    : state_(std::move(state)), prefix_(std::move(prefix)) {}
MemoryDirectory::~MemoryDirectory() = default;

Result<std::unique_ptr<File>> MemoryDirectory::open(const std::string& name, Open how) {
  std::lock_guard lock(state_->mutex);
  auto found = state_->names.find(prefix_ + name);
  if (how == Open::existing) {
    if (found == state_->names.end()) return system_error(ENOENT, "open " + name);
  } else {
    if (found != state_->names.end()) return system_error(EEXIST, "open " + name);
    state_->before_change();
    auto node = std::make_shared<Node>();
    state_->change_name({NameChange::Kind::set, prefix_ + name, {}, node});
    found = state_->names.find(prefix_ + name);
  }
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(state_, found->second, name));
}

Result<std::vector<std::string>> MemoryDirectory::list() {
  std::lock_guard lock(state_->mutex);
  std::vector<std::string> names;
  for (const auto& [name, node] : state_->names) {
    if (name.compare(0, prefix_.size(), prefix_) != 0) continue;
    std::string inside = name.substr(prefix_.size());
    inside.resize(std::min(inside.find('/'), inside.size()));
    if (names.empty() || names.back() != inside) names.push_back(std::move(inside));
  }
  return names;
}

Result<void> MemoryDirectory::rename(const std::string& from, const std::string& to) {
  std::lock_guard lock(state_->mutex);
  auto found = state_->names.find(prefix_ + from);
  if (found == state_->names.end()) return system_error(ENOENT, "rename " + from);
  state_->before_change();
  state_->change_name({NameChange::Kind::set, prefix_ + to, prefix_ + from, found->second});
  return {};
}

Result<void> MemoryDirectory::remove(const std::string& name) {
  std::lock_guard lock(state_->mutex);
  if (!state_->names.contains(prefix_ + name)) return system_error(ENOENT, "remove " + name);
  state_->before_change();
  state_->change_name({NameChange::Kind::remove, prefix_ + name, {}, nullptr});
  return {};
}

Result<void> MemoryDirectory::sync() {
  std::lock_guard lock(state_->mutex);
  state_->before_change();
  for (const NameChange& change : state_->unsynced_names) enact(state_->durable_names, change);
  state_->unsynced_names.clear();
  return {};
}

Result<std::unique_ptr<Directory>> MemoryDirectory::subdirectory(const std::string& name) {
  return std::unique_ptr<Directory>(new MemoryDirectory(state_, prefix_ + name + "/"));
}

std::string MemoryDirectory::path() const { return "memory:" + prefix_; }

std::unique_ptr<MemoryDirectory> MemoryDirectory::after_power_cut(std::uint64_t seed) const {
  std::lock_guard lock(state_->mutex);
  return std::unique_ptr<MemoryDirectory>(new MemoryDirectory(state_->power_cut(seed), prefix_));
}

std::unique_ptr<MemoryDirectory> MemoryDirectory::after_kill() const {
  std::lock_guard lock(state_->mutex);
  auto after = std::make_shared<State>();
  for (const auto& [name, node] : state_->names) after->put(name, node->content);
  return std::unique_ptr<MemoryDirectory>(new MemoryDirectory(after, prefix_));
}

void MemoryDirectory::take_image_at_change(std::uint64_t change, std::uint64_t seed) {
  std::lock_guard lock(state_->mutex);
  state_->change_to_image = change;
  state_->image_seed = seed;
  state_->image.reset();
}

std::unique_ptr<MemoryDirectory> MemoryDirectory::taken_image() {
  std::lock_guard lock(state_->mutex);
  if (!state_->image) return nullptr;
  return std::unique_ptr<MemoryDirectory>(
      new MemoryDirectory(std::exchange(state_->image, nullptr), prefix_));
}

void MemoryDirectory::fail_write(std::uint64_t write) {
  std::lock_guard lock(state_->mutex);
  state_->write_to_fail = write;
}

void MemoryDirectory::fail_sync(std::uint64_t sync) {
  std::lock_guard lock(state_->mutex);
  state_->sync_to_fail = sync;
}

void MemoryDirectory::set_room(std::uint64_t bytes) {
  std::lock_guard lock(state_->mutex);
  state_->room = bytes;
}

void MemoryDirectory::on_sync(std::function<void()> call) {
  std::lock_guard lock(state_->mutex);
  state_->on_sync = std::move(call);
}

std::uint64_t MemoryDirectory::file_writes() const {
  std::lock_guard lock(state_->mutex);
  return state_->file_writes;
}

std::uint64_t MemoryDirectory::file_syncs() const {
  std::lock_guard lock(state_->mutex);
  return state_->file_syncs;
}

std::string MemoryDirectory::content(const std::string& name) const {
  std::lock_guard lock(state_->mutex);
  auto found = state_->names.find(prefix_ + name);
  return found == state_->names.end() ? std::string() : found->second->content;
}

void MemoryDirectory::set_content(const std::string& name, std::string_view content) {
  std::lock_guard lock(state_->mutex);
  state_->put(prefix_ + name, std::string(content));
}

}  // namespace tailrace
