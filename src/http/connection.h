#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/gate.h"
#include "http/exchange.h"
#include "http/head_rules.h"
#include "http/server.h"

namespace tailrace::http {

// What all connections of one server share. Connections may outlive the server by a moment: the
// gate is what keeps them from calling out then.
struct Shared {
  Server::Options options;
  Handler handler;
  Gate gate;
  std::atomic<std::size_t> connections = 0;
};

// One peer. run() reads a request, hands it out, writes its answer, and starts again; everything
// happens on one strand. The connection lives as long as its coroutine.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Strand = boost::asio::strand<boost::asio::io_context::executor_type>;
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Strand>;

  Connection(Socket socket, std::shared_ptr<Shared> shared);
  ~Connection();

  void start();
  // Cuts the connection when it is late. Any thread; the server asks every few seconds, so that a
  // request costs no timer.
  void cut_if_late(std::chrono::steady_clock::time_point now);
  // Any thread, under the gate or while the event loop is known to live.
  void cut();

 private:
  template <typename T>
  using Awaitable = boost::asio::awaitable<T, Strand>;
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  struct Incoming {
    Request request;
    bool keep_alive = false;
    bool is_1_0 = false;
    bool is_head = false;
    bool oversize = false;
  };
  enum class Next { read_on, close, linger };

  Awaitable<void> run();
  Awaitable<std::optional<Incoming>> read_request();
  Awaitable<std::size_t> read_head();
  Awaitable<bool> read_body(Parser& parser, bool& oversize);
  Awaitable<Next> answer(Incoming incoming);
  Awaitable<bool> write_whole(const Exchange::Whole& whole, const Incoming& incoming);
  Awaitable<bool> write_all(std::string_view bytes);
  Awaitable<void> refuse(Refusal refusal);
  Awaitable<void> linger();

  void watch(const std::shared_ptr<Exchange>& exchange);
  void end_watch();
  void late_after(std::chrono::seconds seconds);
  void never_late() { late_at_ = never; }

  static constexpr std::int64_t never = INT64_MAX;

  Socket socket_;
  const std::shared_ptr<Shared> shared_;
  boost::beast::flat_buffer buffer_;
  boost::asio::steady_timer work_;  // cancelled when the exchange has a piece
  bool watching_ = false;
  std::uint64_t watch_ = 0;
  bool cut_ = false;
  std::atomic<std::int64_t> late_at_ = never;  // steady nanoseconds
  std::string peer_;
};

}  // namespace tailrace::http
