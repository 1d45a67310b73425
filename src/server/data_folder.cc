#include "server/data_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace tailrace::server {
namespace {

// What the process that holds the lock wrote into it.
std::string holder(int lock) {
  char text[32];
  ssize_t size = ::pread(lock, text, sizeof text, 0);
  std::string pid{text, static_cast<std::size_t>(size > 0 ? size : 0)};
  pid = pid.substr(0, pid.find_first_not_of("0123456789"));
  return pid.empty() ? "another process" : "process " + pid;
}

// Whatever stands against it: another place can be given, and nothing was begun here.
Error unusable(Error why) {
  Error error = std::move(why).during("the data folder cannot be used");
  error.fault = Fault::conflict;
  error.message += "; mend that, or set another folder with data:";
  return error;
}

}  // namespace

Result<std::unique_ptr<DataFolder>> DataFolder::take(const std::string& path) {
  auto directory = DiskDirectory::open_or_create(path);
  if (!directory) return unusable(std::move(directory).error());
  std::string name = (*directory)->path() + "/lock";

  UniqueFd lock{::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640)};
  if (!lock.valid()) return unusable(system_error(errno, "open " + name));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return unusable(system_error(errno, "lock " + name));
    return Error{Fault::conflict, "the data folder " + (*directory)->path() + " is in use by " +
                                      holder(lock.get()) +
                                      "; stop that one, or set another folder with data:"};
  }
  // For people and for holder() only: the lock is the kernel's.
  std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock.get(), 0) != 0 ||
      ::pwrite(lock.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
    return unusable(system_error(errno, "write " + name));
  return std::unique_ptr<DataFolder>(new DataFolder(std::move(*directory), std::move(lock)));
}

}  // namespace tailrace::server
