#include "pg/wire.h"

#include <libpq-fe.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "base/byte_reader.h"
#include "base/check.h"

namespace tailrace::pg {
namespace {

constexpr std::size_t header_bytes = 5;
// Some thousand rows a read; a socket never holds more at once.
constexpr std::size_t buffer_bytes = 1u << 20;
// The server builds a message in one string, which it limits to 1 GiB.
constexpr std::size_t message_bytes_max = (1u << 30) + 1024;

}  // namespace

WakeSignal::WakeSignal() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  TAILRACE_CHECK(fd_.valid());
}

void WakeSignal::raise() {
  std::uint64_t one = 1;
  [[maybe_unused]] auto wrote = ::write(fd_.get(), &one, sizeof one);
}

void WakeSignal::clear() {
  std::uint64_t count;
  [[maybe_unused]] auto got = ::read(fd_.get(), &count, sizeof count);
}

Wire::Wire(pg_conn* connection, WakeSignal& wake)
    : socket_(PQsocket(connection)),
      tls_(static_cast<ssl_st*>(PQsslStruct(connection, "OpenSSL"))),
      wake_(wake),
      buffer_(buffer_bytes) {
  TAILRACE_CHECK(PQsslInUse(connection) == 0 || tls_ != nullptr);
}

std::optional<Wire::Message> Wire::next() {
  if (broken_ || buffered() < header_bytes) return std::nullopt;
  ByteReader bytes(buffer_.view().substr(at_));
  char type = static_cast<char>(bytes.be<std::uint8_t>());
  std::size_t length = bytes.be<std::uint32_t>();
  if (length < 4 || length > message_bytes_max) {
    broken_ = Error{Fault::corrupt, "the server's message of type " +
                                        std::to_string(static_cast<unsigned char>(type)) +
                                        " claims " + std::to_string(length) + " bytes"};
    return std::nullopt;
  }
  message_bytes_ = length + 1;
  if (buffered() < message_bytes_) return std::nullopt;
  at_ += message_bytes_;
  message_bytes_ = 0;
  return Message{type, bytes.bytes(length - 4)};
}

Result<bool> Wire::fill(std::chrono::milliseconds patience) {
  if (broken_) return *broken_;
  make_room();
  if (auto flushed = flush(); !flushed) return std::move(flushed).error();
  auto read = read_all();
  if (!read || *read) return read;

  short wanted = POLLIN;
  if (has_unsent() || tls_wants_write_) wanted |= POLLOUT;
  ::pollfd waits[] = {{socket_, wanted, 0}, {wake_.fd(), POLLIN, 0}};
  int ready = ::poll(waits, 2, static_cast<int>(std::min<std::int64_t>(patience.count(), 1 << 30)));
  if (ready < 0 && errno != EINTR) return system_error(errno, "poll");
  if (ready <= 0) return false;
  if (waits[1].revents != 0) wake_.clear();
  if ((waits[0].revents & POLLOUT) != 0)
    if (auto flushed = flush(); !flushed) return std::move(flushed).error();
  return read_all();
}

// One read brings all that a plain socket holds; TLS gives a record at a time.
Result<bool> Wire::read_all() {
  bool any = false;
  do {
    std::size_t room = buffer_.capacity() - buffer_.size();
    if (room == 0) return any;
    auto count = read_some(buffer_.data() + buffer_.size(), room);
    if (!count) {
      // What came before the end is handed out first.
      if (!any) return std::move(count).error();
      broken_ = std::move(count).error();
      return true;
    }
    if (*count == 0) return any;
    buffer_.wrote(*count);
    any = true;
  } while (tls_ != nullptr);
  return any;
}

void Wire::make_room() {
  std::size_t left = buffered();
  if (left == 0 && buffer_.capacity() > 4 * buffer_bytes) {
    // One huge row must not keep its memory for ever.
    Buffer small(buffer_bytes);
    buffer_ = std::move(small);
  } else if (at_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + at_, left);
    buffer_.truncate(left);
  }
  at_ = 0;
  // Twice as large as what has come and not as large as announced: a length costs nothing.
  if (message_bytes_ > buffer_.capacity() && left == buffer_.capacity())
    buffer_.reserve(std::min(message_bytes_, 2 * buffer_.capacity()));
}

Result<std::size_t> Wire::read_some(char* into, std::size_t count) {
  if (tls_ == nullptr) {
    ssize_t got = ::recv(socket_, into, count, MSG_DONTWAIT);
    if (got > 0) return static_cast<std::size_t>(got);
    if (got == 0) return closed();
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return std::size_t{0};
    if (errno == ECONNRESET || errno == ETIMEDOUT || errno == EHOSTUNREACH)
      return Error{Fault::unavailable,
                   std::string("read from the server: ") + std::strerror(errno)};
    return system_error(errno, "read from the server");
  }
  ERR_clear_error();
  errno = 0;
  int got = SSL_read(tls_, into, static_cast<int>(std::min<std::size_t>(count, 1u << 30)));
  tls_wants_write_ = false;
  if (got > 0) return static_cast<std::size_t>(got);
  switch (SSL_get_error(tls_, got)) {
    case SSL_ERROR_WANT_WRITE:
      tls_wants_write_ = true;
      [[fallthrough]];
    case SSL_ERROR_WANT_READ:
      return std::size_t{0};
    case SSL_ERROR_ZERO_RETURN:
      return closed();
    default:
      return tls_failure(got, "read from the server");
  }
}

Result<std::size_t> Wire::write_some(std::string_view bytes) {
  if (tls_ == nullptr) {
    ssize_t wrote = ::send(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (wrote >= 0) return static_cast<std::size_t>(wrote);
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return std::size_t{0};
    return Error{Fault::unavailable, std::string("write to the server: ") + std::strerror(errno)};
  }
  ERR_clear_error();
  errno = 0;
  int wrote = SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()));
  if (wrote > 0) return static_cast<std::size_t>(wrote);
  switch (SSL_get_error(tls_, wrote)) {
    case SSL_ERROR_WANT_WRITE:
    case SSL_ERROR_WANT_READ:
      return std::size_t{0};
    default:
      return tls_failure(wrote, "write to the server");
  }
}

Error Wire::closed() const { return {Fault::unavailable, "the server closed the connection"}; }

Error Wire::tls_failure(int, std::string_view what) {
  std::string text(what);
  if (auto code = ERR_get_error(); code != 0) {
    char reason[256];
    ERR_error_string_n(code, reason, sizeof reason);
    text += std::string(": TLS: ") + reason;
  } else if (errno != 0) {
    text += std::string(": ") + std::strerror(errno);
  } else {
    return closed();
  }
  return {Fault::unavailable, text};
}

Result<void> Wire::send(char type, std::string_view body) {
  outgoing_.append(type);
  outgoing_.append_le(__builtin_bswap32(static_cast<std::uint32_t>(body.size() + 4)));
  outgoing_.append(body);
  return flush();
}

Result<void> Wire::flush() {
  while (has_unsent()) {
    auto wrote = write_some(outgoing_.view().substr(sent_));
    if (!wrote) return std::move(wrote).error();
    if (*wrote == 0) return {};
    sent_ += *wrote;
  }
  outgoing_.clear();
  sent_ = 0;
  return {};
}

bool Wire::pause(std::chrono::nanoseconds duration) {
  ::pollfd wait{wake_.fd(), POLLIN, 0};
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
  ::timespec time{seconds.count(), (duration - seconds).count()};
  if (::ppoll(&wait, 1, &time, nullptr) <= 0) return false;
  wake_.clear();
  return true;
}

}  // namespace tailrace::pg
