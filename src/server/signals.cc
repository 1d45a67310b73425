#include "server/signals.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "base/check.h"

namespace tailrace::server {
namespace {

// A handler can reach nothing but these.
std::atomic<int> handler_fd{-1};
std::atomic<int> stop_signal{0};
std::atomic<std::int64_t> stop_asked_at{0};  // in milliseconds
std::atomic<std::int64_t> repetition_ms{0};
static_assert(std::atomic<int>::is_always_lock_free);
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

// One of the few calls that a handler may make.
std::int64_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

void handle(int signal) {
  int error_number = errno;
  if (signal != SIGHUP) {
    int none = 0;
    // The time first: whoever sees the signal sees its time too.
    std::int64_t now = now_ms();
    std::int64_t never = 0;
    stop_asked_at.compare_exchange_strong(never, now);
    if (!stop_signal.compare_exchange_strong(none, signal)) {
      if (now - stop_asked_at >= repetition_ms) ::_exit(128 + signal);
      errno = error_number;
      return;
    }
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

Signals::Signals(std::chrono::milliseconds repeated_within) {
  int ends[2];
  TAILRACE_CHECK(::pipe2(ends, O_CLOEXEC) == 0);
  read_end_ = UniqueFd{ends[0]};
  write_end_ = UniqueFd{ends[1]};
  TAILRACE_CHECK(::fcntl(write_end_.get(), F_SETFL, O_NONBLOCK) == 0);
  int none = -1;
  TAILRACE_CHECK(handler_fd.compare_exchange_strong(none, write_end_.get()));
  stop_signal = 0;
  stop_asked_at = 0;
  repetition_ms = repeated_within.count();
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
