#include "http/server.h"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <mutex>

#include "http/connection.h"
#include "http/tls.h"

namespace tailrace::http {

namespace asio = boost::asio;
using boost::system::error_code;

std::string_view Request::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers)
    if (name == lower_case_name) return value;
  return {};
}

namespace {

// Accepts connections and cuts the late ones. Lives on in its own callbacks after stop(), until the
// event loop has run them.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  Listener(asio::io_context& io, Server::Options options, Handler handler)
      : io_(io),
        acceptor_(io),
        sweep_timer_(io),
        shared_(std::make_shared<Shared>(std::move(options), std::move(handler))) {
    shared_->calls.post = [&io](std::function<void()> call) { asio::post(io, std::move(call)); };
  }

  Result<void> open() {
    const auto& options = shared_->options;
    if (options.tls) {
      auto context = make_tls_context(*options.tls);
      if (!context) return std::move(context).error();
      tls_ = std::move(*context);
    }
    error_code ec;
    auto address =
        asio::ip::make_address(options.host == "localhost" ? "127.0.0.1" : options.host, ec);
    if (ec)
      return Error{Fault::invalid,
                   "listen on '" + options.host + "': not an IP address or localhost"};
    asio::ip::tcp::endpoint endpoint(address, options.port);
    acceptor_.open(endpoint.protocol(), ec);
    if (!ec) acceptor_.set_option(asio::socket_base::reuse_address(true), ec);
    if (!ec) acceptor_.bind(endpoint, ec);
    if (!ec) acceptor_.listen(asio::socket_base::max_listen_connections, ec);
    if (!ec) port_ = acceptor_.local_endpoint(ec).port();
    if (ec) {
      auto error = system_error(ec.value(),
                                "listen on " + options.host + ":" + std::to_string(options.port));
      if (error.fault == Fault::conflict)
        error.message += "; stop what uses the port or choose another";
      return error;
    }
    std::lock_guard lock(mutex_);
    accept();
    sweep_later();
    return {};
  }

  // After it no handler runs and no callback is called.
  void stop() {
    {
      std::lock_guard lock(mutex_);
      stop_accepting();
      stopped_ = true;
      sweep_timer_.cancel();
    }
    shared_->calls.gate.close();
    std::lock_guard lock(mutex_);
    for (const auto& weak : connections_)
      if (auto connection = weak.lock()) connection->cut();
    connections_.clear();
  }

  void drain() {
    std::lock_guard lock(mutex_);
    stop_accepting();
    for (const auto& weak : connections_)
      if (auto connection = weak.lock()) connection->drain();
  }

  bool wait_until_drained(std::chrono::milliseconds patience) {
    std::unique_lock lock(shared_->ended_mutex);
    return shared_->connection_ended.wait_for(lock, patience,
                                              [this] { return shared_->connections == 0; });
  }

  std::uint16_t port() const { return port_; }

 private:
  // The four below: with the lock held.
  void stop_accepting() {
    accepting_ = false;
    error_code ignored;
    acceptor_.close(ignored);
  }

  void accept() {
    acceptor_.async_accept(asio::make_strand(io_),
                           [self = shared_from_this()](error_code ec, Socket socket) {
                             self->accepted(ec, std::move(socket));
                           });
  }

  void sweep_later() {
    const auto& options = shared_->options;
    auto shortest = std::min(options.request_seconds_max, options.idle_seconds_max);
    sweep_timer_.expires_after(std::clamp<std::chrono::milliseconds>(
        std::chrono::seconds(shortest) / 4, std::chrono::milliseconds(250),
        std::chrono::milliseconds(5000)));
    sweep_timer_.async_wait([self = shared_from_this()](error_code) { self->sweep(); });
  }

  void accepted(error_code ec, Socket socket) {
    std::lock_guard lock(mutex_);
    if (!accepting_) return;
    if (ec) {
      // Out of descriptors, mostly: the next sweep tries again, rather than a hot loop.
      accept_again_ = true;
      return;
    }
    if (shared_->connections >= shared_->options.connections_max) {
      turn_away(std::move(socket));
    } else {
      ++shared_->connections;
      auto connection = std::make_shared<Connection>(std::move(socket), shared_, tls_);
      std::erase_if(connections_, [](const auto& weak) { return weak.expired(); });
      connections_.push_back(connection);
      connection->start();
    }
    accept();
  }

  void turn_away(Socket socket) {
    // Within TLS this could not be read.
    if (tls_) return;
    static constexpr std::string_view busy =
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(busy.data(), busy.size()), ignored);
  }

  void sweep() {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    if (std::exchange(accept_again_, false) && accepting_) accept();
    auto now = std::chrono::steady_clock::now();
    for (const auto& weak : connections_)
      if (auto connection = weak.lock()) connection->cut_if_late(now);
    sweep_later();
  }

  asio::io_context& io_;
  std::mutex mutex_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer sweep_timer_;
  std::vector<std::weak_ptr<Connection>> connections_;
  bool accepting_ = true;
  bool stopped_ = false;
  bool accept_again_ = false;
  std::uint16_t port_ = 0;
  const std::shared_ptr<Shared> shared_;
  std::shared_ptr<asio::ssl::context> tls_;
};

class ListeningServer final : public Server {
 public:
  explicit ListeningServer(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) {}
  ~ListeningServer() override { listener_->stop(); }
  std::uint16_t port() const override { return listener_->port(); }
  void drain() override { listener_->drain(); }
  bool wait_until_drained(std::chrono::milliseconds patience) override {
    return listener_->wait_until_drained(patience);
  }

 private:
  // Shared with the callbacks that the event loop still holds.
  const std::shared_ptr<Listener> listener_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::listen(asio::io_context& io, Options options,
                                               Handler handler) {
  auto listener = std::make_shared<Listener>(io, std::move(options), std::move(handler));
  if (auto opened = listener->open(); !opened) return std::move(opened).error();
  return std::unique_ptr<Server>(std::make_unique<ListeningServer>(std::move(listener)));
}

}  // namespace tailrace::http
