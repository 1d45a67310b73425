#include "server/signals.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "base/check.h"

namespace tailrace::server {
namespace {

// A handler can reach nothing but these.
std::atomic<int> handler_fd{-1};
std::atomic<int> stop_signal{0};
static_assert(std::atomic<int>::is_always_lock_free);

void handle(int signal) {
  int error_number = errno;
  if (signal != SIGHUP) {
    int none = 0;
    if (!stop_signal.compare_exchange_strong(none, signal)) ::_exit(128 + signal);
  }
  char byte = signal == SIGHUP ? 'r' : 's';
  // A full pipe already holds more reloads than anyone waits for; a stop is the first of its kind.
  [[maybe_unused]] ssize_t wrote = ::write(handler_fd, &byte, 1);
  errno = error_number;
}

void install(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  TAILRACE_CHECK(::sigaction(signal, &action, nullptr) == 0);
}

}  // namespace

Signals::Signals() {
  int ends[2];
  TAILRACE_CHECK(::pipe2(ends, O_CLOEXEC) == 0);
  read_end_ = UniqueFd{ends[0]};
  write_end_ = UniqueFd{ends[1]};
  TAILRACE_CHECK(::fcntl(write_end_.get(), F_SETFL, O_NONBLOCK) == 0);
  int none = -1;
  TAILRACE_CHECK(handler_fd.compare_exchange_strong(none, write_end_.get()));
  stop_signal = 0;
  for (int signal : {SIGHUP, SIGINT, SIGTERM}) install(signal, handle);
  install(SIGPIPE, SIG_IGN);
}

Signals::~Signals() {
  for (int signal : {SIGHUP, SIGINT, SIGTERM, SIGPIPE}) install(signal, SIG_DFL);
  handler_fd = -1;
}

Signals::Asked Signals::wait() {
  char byte = 0;
  ssize_t got;
  do {
    got = ::read(read_end_.get(), &byte, 1);
  } while (got < 0 && errno == EINTR);
  TAILRACE_CHECK(got == 1);
  return byte == 'r' ? Asked::reload : Asked::stop;
}

int Signals::exit_code_when_forced() const { return 128 + stop_signal; }

}  // namespace tailrace::server
