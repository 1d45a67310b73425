#include "load/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

namespace tailrace::load {
namespace {

// Answers of GetRecords have megabytes; smaller pieces would only cost more calls.
constexpr std::size_t piece_bytes = 256 << 10;

[[noreturn]] void fail(const char* what, int error = errno) {
  throw std::system_error(error, std::generic_category(), what);
}

}  // namespace

Socket::Socket(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (fd() < 0) fail("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) fail("connect");
  int yes = 1;
  ::setsockopt(fd(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  timeval patience{.tv_sec = 30, .tv_usec = 0};
  ::setsockopt(fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

void Socket::send(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t sent = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(sent);
    } else if (errno == EAGAIN) {
      pollfd writable{.fd = fd(), .events = POLLOUT};
      ::poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      fail("send");
    }
  }
}

std::size_t Socket::receive(std::string& into) {
  thread_local char piece[piece_bytes];
  while (true) {
    ssize_t got = ::recv(fd(), piece, sizeof piece, 0);
    if (got > 0) {
      into.append(piece, got);
      return got;
    }
    if (got == 0) fail("the server closed the connection", ECONNRESET);
    if (errno == EAGAIN) {
      if (::fcntl(fd(), F_GETFL) & O_NONBLOCK) return 0;
      fail("receive", ETIMEDOUT);
    }
    if (errno != EINTR) fail("receive");
  }
}

void Socket::set_blocking(bool blocking) {
  int flags = ::fcntl(fd(), F_GETFL);
  ::fcntl(fd(), F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

}  // namespace tailrace::load
