#pragma once

#include <sys/uio.h>

#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"

namespace tailrace::pgoutput::testing {

// A folder without a disk, which can be full.
class MemoryDirectory final : public Directory {
 public:
  std::map<std::string, std::shared_ptr<std::string>> files;
  std::size_t file_bytes_max = std::numeric_limits<std::size_t>::max();

  Result<std::unique_ptr<File>> open(const std::string& name, Open how) override {
    if (files.contains(name) == (how == Open::create_new))
      return Error{how == Open::create_new ? Fault::conflict : Fault::not_found, "open " + name};
    if (how == Open::create_new) files[name] = std::make_shared<std::string>();
    return std::unique_ptr<File>(std::make_unique<MemoryFile>(files[name], file_bytes_max));
  }
  Result<std::vector<std::string>> list() override {
    std::vector<std::string> names;
    for (const auto& [name, content] : files) names.push_back(name);
    return names;
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    auto moved = files.extract(from);
    if (moved.empty()) return Error{Fault::not_found, "rename " + from};
    files[to] = moved.mapped();
    return {};
  }
  Result<void> remove(const std::string& name) override {
    if (files.erase(name) == 0) return Error{Fault::not_found, "remove " + name};
    return {};
  }
  Result<void> sync() override { return {}; }
  Result<std::unique_ptr<Directory>> subdirectory(const std::string&) override {
    return std::unique_ptr<Directory>(std::make_unique<MemoryDirectory>());
  }
  std::string path() const override { return "memory"; }

 private:
  class MemoryFile final : public File {
   public:
    MemoryFile(std::shared_ptr<std::string> content, std::size_t bytes_max)
        : content_(std::move(content)), bytes_max_(bytes_max) {}

    Result<void> read(std::uint64_t at, char* into, std::size_t count) override {
      if (content_->size() < at + count) return Error{Fault::corrupt, "ends early"};
      std::memcpy(into, content_->data() + at, count);
      return {};
    }
    Result<void> write(std::uint64_t at, const ::iovec* pieces, int count) override {
      for (int i = 0; i < count; ++i) {
        if (at + pieces[i].iov_len > bytes_max_) return Error{Fault::full, "no room"};
        if (content_->size() < at + pieces[i].iov_len) content_->resize(at + pieces[i].iov_len);
        std::memcpy(content_->data() + at, pieces[i].iov_base, pieces[i].iov_len);
        at += pieces[i].iov_len;
      }
      return {};
    }
    Result<void> sync() override { return {}; }
    Result<std::uint64_t> size() override { return content_->size(); }
    Result<void> truncate(std::uint64_t size) override {
      content_->resize(size);
      return {};
    }
    Result<void> allocate(std::uint64_t size) override {
      if (content_->size() < size) content_->resize(size);
      return {};
    }

   private:
    std::shared_ptr<std::string> content_;
    std::size_t bytes_max_;
  };
};

}  // namespace tailrace::pgoutput::testing
