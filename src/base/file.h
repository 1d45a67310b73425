#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"

struct iovec;

namespace tailrace {

// A file that stays open. Reads may come from any thread beside one writer.
class File {
 public:
  virtual ~File() = default;

  // Exactly `count` bytes at `at`, or Fault::corrupt ("ends early") when the file is shorter.
  virtual Result<void> read(std::uint64_t at, char* into, std::size_t count) = 0;
  // All pieces, one after the other, from `at`. After an error what the file holds is unknown.
  virtual Result<void> write(std::uint64_t at, const ::iovec* pieces, int count) = 0;
  // fdatasync. After an error the file must not be synced again: the kernel may have dropped the
  // dirty pages and would answer with a success that means nothing.
  virtual Result<void> sync() = 0;
  virtual Result<std::uint64_t> size() = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;
  // Reserves blocks up to `size` and extends the file with zeros. Advice: failure is no error
  // unless the disk is full.
  virtual Result<void> allocate(std::uint64_t size) = 0;
};

// The disk as a dependency: tests put a failing one behind it. Names are relative to the folder.
class Directory {
 public:
  virtual ~Directory() = default;

  enum class Open { existing, create_new };
  virtual Result<std::unique_ptr<File>> open(const std::string& name, Open how) = 0;
  // Names of files and folders inside, sorted.
  virtual Result<std::vector<std::string>> list() = 0;
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(const std::string& name) = 0;
  // fsync of the folder itself: what makes a new, renamed or removed name survive a power cut.
  virtual Result<void> sync() = 0;
  // A folder inside this one, created (and made durable) when it is not there.
  virtual Result<std::unique_ptr<Directory>> subdirectory(const std::string& name) = 0;
  // For messages.
  virtual std::string path() const = 0;
};

class DiskDirectory final : public Directory {
 public:
  // Creates the folder, and the ones above it, when they are missing.
  static Result<std::unique_ptr<DiskDirectory>> open_or_create(const std::string& path);

  Result<std::unique_ptr<File>> open(const std::string& name, Open how) override;
  Result<std::vector<std::string>> list() override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& name) override;
  Result<void> sync() override;
  Result<std::unique_ptr<Directory>> subdirectory(const std::string& name) override;
  std::string path() const override { return path_; }

 private:
  explicit DiskDirectory(std::string path) : path_(std::move(path)) {}
  std::string full(const std::string& name) const { return path_ + "/" + name; }

  std::string path_;
};

// One small file, whole. Fault::not_found when it is missing.
Result<std::string> read_file(const std::string& path);
// Replaces a small file so that a crash leaves the old or the new one, never half: write beside,
// fsync, rename, fsync the folder.
Result<void> replace_file(const std::string& path, std::string_view content);

}  // namespace tailrace
