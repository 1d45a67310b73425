#include "http/connection.h"

#include <sys/socket.h>

#include <boost/asio/defer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <cerrno>

#include "http/http1.h"
#include "http/http2.h"
#include "http/tls.h"

namespace tailrace::http {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t read_bytes = 32u << 10;
// Outputs that are written before others get their turn on the thread.
constexpr int writes_max = 16;
// What a peer may still send after a refusal, so that it reads our answer instead of a reset.
constexpr std::size_t linger_bytes_max = 64u << 20;
constexpr seconds linger_seconds{5};

// How an HTTP/2 client begins (RFC 9113, 3.4).
constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

constexpr std::string_view tls_only =
    "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 37\r\n"
    "connection: close\r\n\r\n{\"error\":\"this port speaks TLS only\"}";

std::string name_of(const asio::ip::tcp::endpoint& endpoint) {
  auto host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" +
         std::to_string(endpoint.port());
}

}  // namespace

Connection::Connection(Socket socket, std::shared_ptr<Shared> shared,
                       std::shared_ptr<asio::ssl::context> tls)
    : shared_(std::move(shared)),
      tls_(std::move(tls)),
      socket_(std::move(socket)),
      strand_(socket_.get_executor()),
      buffer_(std::make_unique_for_overwrite<char[]>(read_bytes)) {
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  peer_ = name_of(socket_.remote_endpoint(ignored));
  late_at(steady_clock::now() + seconds(shared_->options.request_seconds_max));
}

Connection::~Connection() {
  {
    std::lock_guard lock(shared_->ended_mutex);
    --shared_->connections;
  }
  shared_->connection_ended.notify_all();
}

void Connection::start() {
  asio::post(strand_, [self = shared_from_this()] {
    if (self->tls_)
      self->open_by_first_byte();
    else
      self->begin(plain_transport(std::move(self->socket_)));
  });
}

void Connection::open_by_first_byte() {
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](error_code ec) {
    if (self->closed_) return;
    char first = 0;
    auto count = ec ? 0 : ::recv(self->socket_.native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return self->open_by_first_byte();
    if (count <= 0) return self->close();
    if (first == tls_first_byte) {
      self->secure_ = true;
      return self->begin(tls_transport(std::move(self->socket_), *self->tls_));
    }
    self->begin(plain_transport(std::move(self->socket_)));
    if (self->shared_->options.tls->plain_text == Server::PlainText::refused)
      self->refuse_plain_text();
  });
}

void Connection::refuse_plain_text() {
  error_code ignored;
  transport_->socket().write_some(asio::buffer(tls_only.data(), tls_only.size()), ignored);
  linger();
}

void Connection::begin(std::unique_ptr<Transport> transport) {
  transport_ = std::move(transport);
  transport_->open(shared_from_this());
}

void Connection::on_open(error_code error, std::string_view protocol) {
  if (closed_) return;
  if (error) return close();
  if (protocol == "h2") speak(true);
  if (protocol == "http/1.1") speak(false);
  go_on();
}

void Connection::speak(bool http2) {
  Carrier carrier{peer_, secure_, weak_from_this()};
  if (http2)
    session_ = std::make_unique<Http2>(shared_, std::move(carrier));
  else
    session_ = std::make_unique<Http1>(shared_, std::move(carrier));
  if (draining_) session_->drain();
}

void Connection::receive(std::string_view bytes) {
  if (session_) return session_->receive(bytes);
  first_bytes_ += bytes;
  if (first_bytes_.size() < preface.size() && preface.starts_with(first_bytes_)) return;
  speak(first_bytes_.starts_with(preface));
  session_->receive(std::exchange(first_bytes_, {}));
}

void Connection::on_read(error_code error, std::size_t count) {
  reading_ = false;
  if (closed_ || shutting_) return;
  if (lingering_) {
    lingered_bytes_ += count;
    return error || lingered_bytes_ > linger_bytes_max ? close() : read_on();
  }
  if (error == asio::error::eof || error == asio::ssl::error::stream_truncated) {
    peer_closed_ = true;
    if (!session_) return close();
    session_->peer_closed();
  } else if (error) {
    return close();
  } else {
    receive({buffer_.get(), count});
  }
  go_on();
}

void Connection::on_written(error_code error) {
  writing_ = false;
  if (closed_) return;
  if (error) return close();
  session_->wrote();
  go_on();
}

void Connection::go_on() {
  if (closed_ || shutting_ || lingering_) return;
  if (session_) {
    write_on();
    if (closed_) return;
    switch (session_->ending()) {
      case Session::Ending::open:
        break;
      case Session::Ending::cut:
        return close();
      case Session::Ending::close:
        return writing_ ? void() : shut();
      case Session::Ending::linger:
        return writing_ ? void() : linger();
    }
    late_at(session_->deadline());
  }
  read_on();
  waiting_ = reading_ || writing_ ? nullptr : shared_from_this();
}

void Connection::write_on() {
  for (int writes = 0; !writing_; ++writes) {
    auto output = session_->output();
    if (output.empty()) return;
    if (writes == writes_max)
      return asio::post(strand_, [self = shared_from_this()] { self->go_on(); });
    switch (transport_->write(output, shared_from_this())) {
      case Transport::Sent::all:
        session_->wrote();
        break;
      case Transport::Sent::later:
        writing_ = true;
        break;
      case Transport::Sent::failed:
        return close();
    }
  }
}

void Connection::read_on() {
  if (reading_ || peer_closed_) return;
  if (session_ && !lingering_ && !session_->wants_more()) return;
  reading_ = true;
  transport_->read(asio::buffer(buffer_.get(), read_bytes), shared_from_this());
}

void Connection::linger() {
  lingering_ = true;
  late_at(steady_clock::now() + linger_seconds);
  transport_->end_sending();
  if (peer_closed_) return close();
  read_on();
}

void Connection::shut() {
  shutting_ = true;
  late_at(steady_clock::now() + linger_seconds);
  transport_->shut(shared_from_this());
}

void Connection::close() {
  if (std::exchange(closed_, true)) return;
  waiting_.reset();
  if (session_) session_->abandon();
  error_code ignored;
  (transport_ ? transport_->socket() : socket_).close(ignored);
}

void Connection::wake(std::uint32_t stream) {
  bool first = woken_.with([&](auto& woken) {
    woken.push_back(stream);
    return woken.size() == 1;
  });
  // From a thread of the pool: behind the job that it runs, with the other wakes of that job.
  if (first) asio::defer(strand_, [self = shared_from_this()] { self->answer_woken(); });
}

void Connection::answer_woken() {
  woken_.with([this](auto& woken) { woken.swap(waking_); });
  if (!closed_ && session_)
    for (auto stream : waking_) session_->wake(stream);
  waking_.clear();
  go_on();
}

void Connection::cut_if_late(Instant now) {
  if (now.time_since_epoch().count() < late_at_) return;
  late_at(never);
  asio::post(strand_, [self = shared_from_this(), now] { self->cut_late(now); });
}

void Connection::cut_late(Instant now) {
  if (closed_) return;
  if (!session_ || lingering_ || shutting_) return close();
  session_->expire(now);
  go_on();
}

void Connection::drain() {
  asio::post(strand_, [self = shared_from_this()] {
    self->draining_ = true;
    if (self->closed_) return;
    if (!self->session_) return self->close();
    self->session_->drain();
    self->go_on();
  });
}

void Connection::cut() {
  asio::post(strand_, [self = shared_from_this()] {
    if (self->closed_) return;
    // HTTP/2 says goodbye, if that can be said at once.
    if (self->session_ && !self->writing_ && !self->lingering_ && !self->shutting_) {
      self->session_->drain();
      auto output = self->session_->output();
      if (!output.empty()) self->transport_->write(output, self);
    }
    self->close();
  });
}

}  // namespace tailrace::http
