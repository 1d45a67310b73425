#include "function/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <tuple>

namespace tailrace::function {

namespace {

// What Lambda's sandbox allows.
constexpr rlim_t descriptors_max = 1024;
// A worker is what the kernel should kill first when memory runs out, never the server.
constexpr std::string_view oom_score = "500";

struct Failure {
  const char* step = nullptr;
  int error_number = 0;
};

// What the child needs, made before it exists: after vfork it shares our memory and may only make
// calls of the system.
struct Prepared {
  char* const* arguments;
  char* const* environment;
  const char* folder;
  int output;
  pid_t parent;
};

void limit(__rlimit_resource what, rlim_t value) {
  rlimit limits{};
  if (::getrlimit(what, &limits) != 0) return;
  if (limits.rlim_max != RLIM_INFINITY && limits.rlim_max < value) value = limits.rlim_max;
  limits = {value, value};
  ::setrlimit(what, &limits);
}

[[noreturn]] void become(const Prepared& prepared, volatile Failure& failure) {
  auto fail = [&failure](const char* step) {
    failure.error_number = errno;
    failure.step = step;
    ::_exit(127);
  };
  if (::setsid() < 0) fail("setsid");
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail("set parent death signal");
  if (::getppid() != prepared.parent) ::_exit(127);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("set no_new_privs");

  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &plain, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);

  int score = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  // Advice only: some containers keep the file from being written.
  if (score >= 0) std::ignore = ::write(score, oom_score.data(), oom_score.size());
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_NOFILE, descriptors_max);

  int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing < 0 || ::dup2(nothing, 0) < 0) fail("open /dev/null");
  if (::dup2(prepared.output, 1) < 0 || ::dup2(prepared.output, 2) < 0) fail("dup2");
  if (::close_range(3, ~0u, 0) != 0) fail("close_range");
  if (::chdir(prepared.folder) != 0) fail("enter the code folder");
  ::execve(prepared.arguments[0], prepared.arguments, prepared.environment);
  fail("execute the program");
  __builtin_unreachable();
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const auto& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// vfork: fork would copy the page tables of a server that may be large.
__attribute__((noinline)) pid_t start(const Prepared& prepared, volatile Failure& failure) {
  pid_t pid = ::vfork();
  if (pid == 0) become(prepared, failure);
  return pid;
}

}  // namespace

Result<Process> spawn(const Command& command) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error(errno, "make a pipe");
  UniqueFd read_end(ends[0]), write_end(ends[1]);
  ::fcntl(read_end.get(), F_SETFL, O_NONBLOCK);

  auto arguments = pointers_to(command.arguments);
  auto environment = pointers_to(command.environment);
  Prepared prepared{arguments.data(), environment.data(), command.folder.c_str(), write_end.get(),
                    ::getpid()};

  // No handler of ours may run in the child while it shares our memory.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  volatile Failure failure{};
  pid_t pid = start(prepared, failure);
  int fork_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);

  if (pid < 0) return system_error(fork_error, "start a process");
  if (failure.step) {
    ::waitpid(pid, nullptr, 0);
    return Error{Fault::invalid, "start " + command.arguments[0] + ": " + failure.step + ": " +
                                     std::strerror(failure.error_number)};
  }
  Process process;
  process.pid = pid;
  process.pidfd = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process.pidfd.valid()) {
    auto error = system_error(errno, "watch a process");
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return error;
  }
  process.output = std::move(read_end);
  return process;
}

std::string ending_of(const Process& process) {
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(process.pidfd.get()), &info,
               WEXITED | WNOHANG | WNOWAIT) != 0 ||
      info.si_pid == 0)
    return {};
  if (info.si_code == CLD_EXITED)
    return info.si_status == 0 ? std::string() : "exit status " + std::to_string(info.si_status);
  const char* description = ::sigdescr_np(info.si_status);
  std::string text = description ? description : std::to_string(info.si_status);
  if (text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return "signal: " + text;
}

void reap(const Process& process) {
  // By pid: the event loop made the pidfd not blocking, and then its wait does not wait.
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(process.pid), &info, WEXITED) != 0 && errno == EINTR) {
  }
}

}  // namespace tailrace::function
