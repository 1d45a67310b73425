#include "function/process_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <thread>

#include "base/check.h"
#include "base/unique_fd.h"
#include "base/whole_number.h"

namespace tailrace::function {

namespace {

// Files under /proc have no size: reads until the end or the limit.
std::string read_proc(pid_t pid, const char* name, std::size_t bytes_max) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  std::string text;
  if (!file.valid()) return text;
  text.resize(std::min<std::size_t>(bytes_max, 4096));
  for (std::size_t size = 0;;) {
    auto count = ::read(file.get(), text.data() + size, text.size() - size);
    if (count <= 0 || size + static_cast<std::size_t>(count) >= bytes_max) {
      text.resize(size + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
      return text;
    }
    size += static_cast<std::size_t>(count);
    if (size == text.size()) text.resize(std::min(bytes_max, size * 2));
  }
}

std::uint64_t page_bytes() {
  static const auto bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

std::optional<ProcessInfo> info_of(pid_t pid) {
  auto text = read_proc(pid, "stat", 4096);
  // The name in parentheses may hold anything, even parentheses.
  auto name_end = text.rfind(") ");
  if (name_end == std::string::npos) return std::nullopt;
  ProcessInfo info;
  info.pid = pid;
  char state = 0;
  long long resident = 0;
  int found = std::sscanf(text.c_str() + name_end + 2,
                          "%c %d %*d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
                          "%*d %*u %*u %lld",
                          &state, &info.parent, &info.session, &resident);
  if (found != 4) return std::nullopt;
  info.ended = state == 'Z' || state == 'X';
  info.resident_bytes = static_cast<std::uint64_t>(std::max(0ll, resident)) * page_bytes();
  return info;
}

// Empty for a zombie, and for one that cleared its environment.
std::string mark_of(pid_t pid) {
  static const std::string name = std::string(mark_name) + "=";
  auto environment = read_proc(pid, "environ", 256u << 10);
  for (std::size_t at = 0; at < environment.size();) {
    auto end = std::min(environment.find('\0', at), environment.size());
    if (environment.compare(at, name.size(), name) == 0)
      return environment.substr(at + name.size(), end - at - name.size());
    at = end + 1;
  }
  return {};
}

// Reparented to us from a worker: our own children that are no workers share our session.
bool is_orphan(const ProcessInfo& info) {
  return info.parent == ::getpid() && info.session != ::getsid(0);
}

}  // namespace

std::vector<ProcessInfo> all_processes() {
  std::vector<ProcessInfo> all;
  auto* folder = ::opendir("/proc");
  if (!folder) return all;
  while (auto* entry = ::readdir(folder)) {
    auto pid = parse_whole<pid_t>(entry->d_name);
    if (!pid) continue;
    if (auto info = info_of(*pid)) all.push_back(*info);
  }
  ::closedir(folder);
  return all;
}

std::vector<ProcessInfo> tree_of(pid_t leader, const std::string& mark,
                                 const std::vector<ProcessInfo>& all) {
  std::vector<ProcessInfo> tree;
  std::set<pid_t> members;
  auto add = [&](const ProcessInfo& info) {
    members.insert(info.pid);
    tree.push_back(info);
  };
  for (const auto& info : all)
    if (info.pid == leader || info.session == leader ||
        (is_orphan(info) && mark_of(info.pid) == mark))
      add(info);
  // Children may be listed before their parents: until nothing is added.
  for (std::size_t before = 0; before != tree.size();) {
    before = tree.size();
    for (const auto& info : all)
      if (members.count(info.parent) && !members.count(info.pid)) add(info);
  }
  return tree;
}

bool kill_tree(pid_t leader, const std::string& mark) {
  TAILRACE_CHECK(leader > 1);
  auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  std::set<pid_t> killed;
  // The group first: one call reaches all of a fork bomb that did not change groups.
  ::kill(-leader, SIGKILL);
  for (;;) {
    bool alive = false;
    auto all = all_processes();
    for (const auto& info : tree_of(leader, mark, all)) {
      if (!info.ended) {
        alive = true;
        ::kill(info.pid, SIGKILL);
      }
      killed.insert(info.pid);
    }
    for (const auto& info : all)
      if (info.ended && info.pid != leader && info.parent == ::getpid() && killed.count(info.pid))
        ::waitpid(info.pid, nullptr, WNOHANG);
    if (!alive) return true;
    if (std::chrono::steady_clock::now() > patience) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

std::size_t clear_orphans(const std::string& instance, const std::set<pid_t>& leaders,
                          const std::set<std::string>& marks, const std::vector<ProcessInfo>& all) {
  std::size_t found = 0;
  for (const auto& info : all) {
    if (!is_orphan(info) || leaders.count(info.pid)) continue;
    if (info.ended) {
      found += ::waitpid(info.pid, nullptr, WNOHANG) == info.pid;
    } else if (!leaders.count(info.session)) {
      // Without a mark it hides, or it is about to end.
      auto mark = mark_of(info.pid);
      if (mark.empty() || (mark.starts_with(instance) && !marks.count(mark)))
        found += ::kill(info.pid, SIGKILL) == 0;
    }
  }
  return found;
}

bool kill_marked(const std::set<std::string>& marks) {
  auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  for (;;) {
    bool alive = false;
    for (const auto& info : all_processes()) {
      if (info.ended || info.pid == ::getpid() || !marks.count(mark_of(info.pid))) continue;
      alive = true;
      ::kill(info.pid, SIGKILL);
    }
    if (!alive) return true;
    if (std::chrono::steady_clock::now() > patience) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void become_subreaper() { ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

std::uint64_t resident_bytes_of(pid_t pid) {
  auto text = read_proc(pid, "statm", 128);
  unsigned long long size = 0, resident = 0;
  if (std::sscanf(text.c_str(), "%llu %llu", &size, &resident) != 2) return 0;
  return resident * page_bytes();
}

}  // namespace tailrace::function
