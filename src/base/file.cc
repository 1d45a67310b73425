#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <filesystem>

#include "base/unique_fd.h"

namespace tailrace {
namespace {

class DiskFile final : public File {
 public:
  DiskFile(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<void> read(std::uint64_t at, char* into, std::size_t count) override {
    while (count > 0) {
      ssize_t got = ::pread(fd_.get(), into, count, static_cast<off_t>(at));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return failed("read");
      if (got == 0)
        return Error{Fault::corrupt, path_ + " ends early: " + std::to_string(count) +
                                         " more bytes were expected at " + std::to_string(at)};
      into += got;
      at += static_cast<std::uint64_t>(got);
      count -= static_cast<std::size_t>(got);
    }
    return {};
  }

  Result<void> write(std::uint64_t at, const ::iovec* pieces, int count) override {
    std::vector<::iovec> left(pieces, pieces + count);
    std::size_t first = 0;
    while (first < left.size()) {
      int some = static_cast<int>(std::min<std::size_t>(left.size() - first, IOV_MAX));
      ssize_t wrote = ::pwritev(fd_.get(), &left[first], some, static_cast<off_t>(at));
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return failed("write");
      at += static_cast<std::uint64_t>(wrote);
      auto done = static_cast<std::size_t>(wrote);
      while (first < left.size() && done >= left[first].iov_len) done -= left[first++].iov_len;
      if (first < left.size()) {
        left[first].iov_base = static_cast<char*>(left[first].iov_base) + done;
        left[first].iov_len -= done;
      }
    }
    return {};
  }

  Result<void> sync() override {
    if (::fdatasync(fd_.get()) != 0) return failed("fdatasync");
    return {};
  }

  Result<std::uint64_t> size() override {
    struct stat about {};
    if (::fstat(fd_.get(), &about) != 0) return failed("stat");
    return static_cast<std::uint64_t>(about.st_size);
  }

  Result<void> truncate(std::uint64_t size) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return failed("truncate");
    return {};
  }

  Result<void> allocate(std::uint64_t size) override {
    if (::fallocate(fd_.get(), 0, 0, static_cast<off_t>(size)) == 0) return {};
    if (errno == ENOSPC || errno == EDQUOT) return failed("allocate");
    return {};
  }

 private:
  Error failed(std::string_view what) {
    return system_error(errno, std::string(what) + " " + path_);
  }

  UniqueFd fd_;
  std::string path_;
};

Result<void> sync_folder(const std::string& path) {
  UniqueFd fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!fd.valid()) return system_error(errno, "open folder " + path);
  if (::fsync(fd.get()) != 0) return system_error(errno, "fsync folder " + path);
  return {};
}

}  // namespace

Result<std::unique_ptr<DiskDirectory>> DiskDirectory::open_or_create(const std::string& path) {
  std::filesystem::path whole = std::filesystem::absolute(path).lexically_normal();
  if (whole.filename().empty()) whole = whole.parent_path();
  std::filesystem::path so_far;
  for (const auto& part : whole) {
    std::filesystem::path above = so_far;
    so_far /= part;
    if (::mkdir(so_far.c_str(), 0750) == 0) {
      if (auto synced = sync_folder(above.string()); !synced) return std::move(synced).error();
    } else if (errno != EEXIST && errno != EISDIR) {
      int why = errno;
      if (std::error_code failure; std::filesystem::is_directory(so_far, failure)) continue;
      return system_error(why, "create folder " + so_far.string());
    }
  }
  if (std::error_code failure; !std::filesystem::is_directory(whole, failure))
    return Error{Fault::invalid, whole.string() + " is not a folder"};
  return std::unique_ptr<DiskDirectory>(new DiskDirectory(whole.string()));
}

Result<std::unique_ptr<File>> DiskDirectory::open(const std::string& name, Open how) {
  int flags = O_RDWR | O_CLOEXEC | (how == Open::create_new ? O_CREAT | O_EXCL : 0);
  UniqueFd fd{::open(full(name).c_str(), flags, 0640)};
  if (!fd.valid()) return system_error(errno, "open " + full(name));
  return std::unique_ptr<File>(std::make_unique<DiskFile>(std::move(fd), full(name)));
}

Result<std::vector<std::string>> DiskDirectory::list() {
  std::vector<std::string> names;
  std::error_code failure;
  std::filesystem::directory_iterator entries(path_, failure), end;
  for (; !failure && entries != end; entries.increment(failure))
    names.push_back(entries->path().filename().string());
  if (failure) return system_error(failure.value(), "list " + path_);
  std::sort(names.begin(), names.end());
  return names;
}

Result<void> DiskDirectory::rename(const std::string& from, const std::string& to) {
  if (::rename(full(from).c_str(), full(to).c_str()) != 0)
    return system_error(errno, "rename " + full(from) + " to " + to);
  return {};
}

Result<void> DiskDirectory::remove(const std::string& name) {
  if (::unlink(full(name).c_str()) != 0 && ::rmdir(full(name).c_str()) != 0)
    return system_error(errno, "remove " + full(name));
  return {};
}

Result<void> DiskDirectory::sync() { return sync_folder(path_); }

Result<std::unique_ptr<Directory>> DiskDirectory::subdirectory(const std::string& name) {
  if (::mkdir(full(name).c_str(), 0750) == 0) {
    if (auto synced = sync(); !synced) return std::move(synced).error();
  } else if (errno != EEXIST) {
    return system_error(errno, "create folder " + full(name));
  }
  return std::unique_ptr<Directory>(new DiskDirectory(full(name)));
}

Result<std::string> read_file(const std::string& path) {
  UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd.valid()) return system_error(errno, "open " + path);
  std::string content;
  char piece[65536];
  for (;;) {
    ssize_t got = ::read(fd.get(), piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(errno, "read " + path);
    if (got == 0) return content;
    content.append(piece, static_cast<std::size_t>(got));
  }
}

Result<void> replace_file(const std::string& path, std::string_view content) {
  std::string beside = path + ".new";
  {
    UniqueFd fd{::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640)};
    if (!fd.valid()) return system_error(errno, "create " + beside);
    while (!content.empty()) {
      ssize_t wrote = ::write(fd.get(), content.data(), content.size());
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return system_error(errno, "write " + beside);
      content.remove_prefix(static_cast<std::size_t>(wrote));
    }
    if (::fsync(fd.get()) != 0) return system_error(errno, "fsync " + beside);
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) return system_error(errno, "rename " + beside);
  std::string folder = std::filesystem::path(path).parent_path().string();
  return sync_folder(folder.empty() ? "." : folder);
}

}  // namespace tailrace
