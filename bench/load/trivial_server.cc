#include "load/trivial_server.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <map>
#include <string>
#include <string_view>
#include <system_error>

#include "base/unique_fd.h"

namespace tailrace::load {
namespace {

constexpr std::string_view answer =
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: 104\r\n\r\n"
    "{\"ShardId\":\"shardId-000000000000\","
    "\"SequenceNumber\":\"49646437577130777162115407028967465143858078037\"}   ";

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

// The bytes of the first request in `text` when it is whole, else 0.
std::size_t whole_request(std::string_view text) {
  std::size_t header = text.find("\r\n\r\n");
  if (header == std::string_view::npos) return 0;
  constexpr std::string_view name = "\r\nContent-Length: ";
  std::size_t at = text.find(name), length = 0;
  if (at < header) std::from_chars(text.data() + at + name.size(), text.data() + header, length);
  return text.size() >= header + 4 + length ? header + 4 + length : 0;
}

}  // namespace

void serve_trivially(std::uint16_t port) {
  UniqueFd listener(checked(::socket(AF_INET, SOCK_STREAM, 0), "socket"));
  int yes = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  checked(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
  checked(::listen(listener.get(), 128), "listen");

  UniqueFd readiness(checked(::epoll_create1(0), "epoll_create1"));
  auto watch = [&](int fd) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    checked(::epoll_ctl(readiness.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  };
  watch(listener.get());

  struct Peer {
    UniqueFd fd;
    std::string arrived;
  };
  std::map<int, Peer> peers;
  std::array<epoll_event, 64> events;
  std::array<char, 256 << 10> piece;
  while (true) {
    int ready = ::epoll_wait(readiness.get(), events.data(), events.size(), -1);
    for (int n = 0; n < ready; ++n) {
      int fd = events[n].data.fd;
      if (fd == listener.get()) {
        int accepted = checked(::accept(fd, nullptr, nullptr), "accept");
        ::setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        peers[accepted].fd = UniqueFd(accepted);
        watch(accepted);
        continue;
      }
      ssize_t got = ::recv(fd, piece.data(), piece.size(), 0);
      if (got <= 0) {
        peers.erase(fd);
        continue;
      }
      std::string& arrived = peers[fd].arrived;
      arrived.append(piece.data(), got);
      while (std::size_t bytes = whole_request(arrived)) {
        arrived.erase(0, bytes);
        ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
      }
    }
  }
}

}  // namespace tailrace::load
