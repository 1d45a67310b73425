#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/file.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace tailrace::server {

// The data folder, taken by one process at a time. The lock ends with the process, however it ends.
class DataFolder {
 public:
  // Makes the folder when it is missing. Fault::conflict: it cannot be made or written to, or
  // another process has it, which the message names.
  static Result<std::unique_ptr<DataFolder>> take(const std::string& path);

  Directory& directory() { return *directory_; }

 private:
  DataFolder(std::unique_ptr<Directory> directory, UniqueFd lock)
      : directory_(std::move(directory)), lock_(std::move(lock)) {}

  std::unique_ptr<Directory> directory_;
  UniqueFd lock_;
};

}  // namespace tailrace::server
