#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace tailrace {

// A Directory in memory for tests, as unreliable as a real disk: it can lose what was not synced
// (as a power cut does), run out of room, fail a write half-way or fail a sync and, like Linux,
// forget the pages of a failed sync while it goes on showing them. Thread-safe.
class MemoryDirectory final : public Directory {
 public:
  MemoryDirectory();
  ~MemoryDirectory() override;

  Result<std::unique_ptr<File>> open(const std::string& name, Open how) override;
  Result<std::vector<std::string>> list() override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& name) override;
  Result<void> sync() override;
  Result<std::unique_ptr<Directory>> subdirectory(const std::string& name) override;
  std::string path() const override;

  // What a power cut leaves: of everything written, renamed or removed since it was last synced a
  // random part, of a write perhaps only some sectors. The image itself is wholly durable.
  std::unique_ptr<MemoryDirectory> after_power_cut(std::uint64_t seed) const;
  // The same files as a killed process leaves them: everything written is there.
  std::unique_ptr<MemoryDirectory> after_kill() const;

  // Takes an image just before the given change (0 is the next one) to the files or names and
  // keeps it for taken_image(), so that a test can stop in the middle of anything.
  void take_image_at_change(std::uint64_t change, std::uint64_t seed);
  // Nothing while that change has not come; the countdown goes on.
  std::unique_ptr<MemoryDirectory> taken_image();

  // Faults. Counted from now: 0 is the next one.
  void fail_write(std::uint64_t write);
  void fail_sync(std::uint64_t sync);
  // Room for file contents, in bytes; without a call there is no limit.
  void set_room(std::uint64_t bytes);
  // Called before each sync of a file, on the thread that syncs: a test may hold the disk there.
  void on_sync(std::function<void()> call);

  std::uint64_t file_writes() const;
  std::uint64_t file_syncs() const;
  std::string content(const std::string& name) const;
  // Replaces or makes the file, durably.
  void set_content(const std::string& name, std::string_view content);

  struct State;

 private:
  explicit MemoryDirectory(std::shared_ptr<State> state, std::string prefix);

  // Shared with the open files, which may outlive the directory.
  std::shared_ptr<State> state_;
  std::string prefix_;
};

}  // namespace tailrace
