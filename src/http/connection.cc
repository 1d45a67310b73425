#include "http/connection.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>

#include "base/json_text.h"

// g++ 12 inlines half of the coroutine frames' own operator new and delete, and then finds that
// the halves do not match.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace tailrace::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

namespace {

template <typename Executor>
constexpr auto tuple_of = asio::as_tuple(asio::use_awaitable_t<Executor>());
constexpr auto awaiting = tuple_of<Connection::Strand>;

constexpr std::size_t read_bytes = 64u << 10;
// What a peer may still send after a refusal, so that it reads our answer instead of a reset.
constexpr std::size_t linger_bytes_max = 64u << 20;
constexpr std::chrono::seconds linger_seconds{5};

std::string_view reason_of(int status) {
  auto known = beast::http::int_to_status(static_cast<unsigned>(status));
  if (known == beast::http::status::unknown) return "Status";
  auto text = beast::http::obsolete_reason(known);
  return {text.data(), text.size()};
}

void append_field(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ");
  // A line break inside would start a field, or an answer, of the value's choosing.
  for (char c : value) head += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
  head += "\r\n";
}

std::string status_line(int status) {
  std::string head = "HTTP/1.1 ";
  head.append(std::to_string(status)).append(" ").append(reason_of(status)).append("\r\n");
  return head;
}

bool has_no_body(int status) { return status == 204 || status == 304 || status < 200; }

Request request_of(const beast::http::request_header<>& head, Target target) {
  Request request;
  request.method = std::string(head.method_string());
  request.target = std::string(head.target());
  request.path = std::move(target.path);
  request.query = std::move(target.query);
  for (const auto& field : head)
    request.headers.emplace_back(lower_case(field.name_string()), field.value());
  return request;
}

}  // namespace

Connection::Connection(Socket socket, std::shared_ptr<Shared> shared)
    : socket_(std::move(socket)),
      shared_(std::move(shared)),
      buffer_(shared_->options.header_bytes_max + read_bytes),
      work_(socket_.get_executor().get_inner_executor(),
            std::chrono::steady_clock::time_point::max()) {
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  auto remote = socket_.remote_endpoint(ignored);
  auto host = remote.address().to_string();
  peer_ =
      (remote.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(remote.port());
}

Connection::~Connection() { --shared_->connections; }

void Connection::start() {
  asio::co_spawn(
      socket_.get_executor(), [self = shared_from_this()] { return self->run(); }, asio::detached);
}

void Connection::late_after(std::chrono::seconds seconds) {
  late_at_ = (std::chrono::steady_clock::now() + seconds).time_since_epoch().count();
}

void Connection::cut_if_late(std::chrono::steady_clock::time_point now) {
  if (now.time_since_epoch().count() >= late_at_) cut();
}

void Connection::cut() {
  asio::dispatch(socket_.get_executor(), [self = shared_from_this()] {
    self->cut_ = true;
    error_code ignored;
    self->socket_.close(ignored);
    self->work_.cancel();
  });
}

Connection::Awaitable<void> Connection::run() {
  for (;;) {
    auto incoming = co_await read_request();
    if (!incoming) break;
    auto next = co_await answer(std::move(*incoming));
    if (next == Next::linger) co_await linger();
    if (next != Next::read_on) break;
  }
  error_code ignored;
  socket_.close(ignored);
}

Connection::Awaitable<std::size_t> Connection::read_head() {
  auto bytes_max = shared_->options.header_bytes_max;
  for (;;) {
    auto data = buffer_.data();
    std::string_view bytes(static_cast<const char*>(data.data()), data.size());
    auto length = head_length(bytes);
    if (length == std::string_view::npos) {
      co_await refuse({400, "a line ends without CR LF"});
      co_return 0;
    }
    if (length > bytes_max || (length == 0 && bytes.size() >= bytes_max)) {
      co_await refuse({431, "head too long"});
      co_return 0;
    }
    if (length > 0) co_return length;

    bool was_empty = bytes.empty();
    auto [ec, count] = co_await socket_.async_read_some(
        buffer_.prepare(std::min<std::size_t>(4096, buffer_.max_size() - bytes.size())), awaiting);
    if (ec) co_return 0;
    buffer_.commit(count);
    if (was_empty) late_after(std::chrono::seconds(shared_->options.request_seconds_max));
  }
}

Connection::Awaitable<std::optional<Connection::Incoming>> Connection::read_request() {
  const auto& options = shared_->options;
  late_after(std::chrono::seconds(buffer_.size() ? options.request_seconds_max
                                                 : options.idle_seconds_max));
  auto length = co_await read_head();
  if (length == 0) co_return std::nullopt;
  std::string_view head(static_cast<const char*>(buffer_.data().data()), length);
  if (auto refusal = refuse_head(head)) {
    co_await refuse(*refusal);
    co_return std::nullopt;
  }

  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(options.header_bytes_max));
  parser.body_limit(options.body_bytes_max);
  auto no_extensions = [](std::uint64_t, beast::string_view extension, error_code& ec) {
    if (!extension.empty()) ec = beast::http::error::bad_chunk_extension;
  };
  parser.on_chunk_header(no_extensions);
  error_code ec;
  auto used = parser.put(asio::buffer(head), ec);
  bool oversize = ec == beast::http::error::body_limit;
  if ((ec && !oversize) || (!oversize && (used != length || !parser.is_header_done()))) {
    co_await refuse({400, "bad request"});
    co_return std::nullopt;
  }

  const auto& fields = parser.get().base();
  auto target = parse_target(fields.target());
  if (!target) {
    co_await refuse({400, "bad escape in target"});
    co_return std::nullopt;
  }
  if (!options.hosts_allowed.empty() &&
      !host_allowed(fields[beast::http::field::host], options.hosts_allowed)) {
    co_await refuse({403, "this Host is not served"});
    co_return std::nullopt;
  }

  Incoming incoming;
  incoming.request = request_of(fields, std::move(*target));
  incoming.request.authority = std::string(fields[beast::http::field::host]);
  incoming.request.peer = peer_;
  incoming.is_1_0 = fields.version() == 10;
  incoming.is_head = fields.method() == beast::http::verb::head;
  bool expects = fields.count(beast::http::field::expect) > 0 && !incoming.is_1_0;
  incoming.keep_alive = !oversize && parser.keep_alive();

  buffer_.consume(length);
  if (!oversize && !parser.is_done()) {
    if (expects && buffer_.size() == 0 && !co_await write_all("HTTP/1.1 100 Continue\r\n\r\n"))
      co_return std::nullopt;
    if (!co_await read_body(parser, oversize)) co_return std::nullopt;
  }
  if (oversize && !options.oversize) {
    co_await refuse({413, "body too large"});
    co_return std::nullopt;
  }
  incoming.oversize = oversize;
  if (oversize) incoming.keep_alive = false;
  if (!oversize) incoming.request.body = std::move(parser.get().body());
  never_late();
  co_return incoming;
}

Connection::Awaitable<bool> Connection::read_body(Parser& parser, bool& oversize) {
  parser.eager(true);
  error_code ec;
  if (buffer_.size() > 0) {
    buffer_.consume(parser.put(buffer_.data(), ec));
    if (ec == beast::http::error::need_more) ec = {};
  }
  if (!ec && !parser.is_done())
    std::tie(ec, std::ignore) =
        co_await beast::http::async_read(socket_, buffer_, parser, awaiting);
  if (!ec) co_return true;
  oversize = ec == beast::http::error::body_limit;
  if (oversize) co_return true;
  bool is_bad = ec.category() == make_error_code(beast::http::error::bad_chunk).category() &&
                ec != beast::http::error::partial_message &&
                ec != beast::http::error::end_of_stream;
  if (is_bad) co_await refuse({400, "bad body"});
  co_return false;
}

Connection::Awaitable<Connection::Next> Connection::answer(Incoming incoming) {
  auto post = [executor = socket_.get_executor().get_inner_executor()](std::function<void()> call) {
    asio::post(executor, std::move(call));
  };
  auto wake = [weak = weak_from_this()] {
    auto self = weak.lock();
    if (!self) return;
    auto strand = self->socket_.get_executor();
    asio::dispatch(strand, [self = std::move(self)] { self->work_.cancel(); });
  };
  // The gate lives in what the connections share; this keeps it for a late Responder.
  std::shared_ptr<Gate> gate(shared_, &shared_->gate);
  auto exchange = std::make_shared<Exchange>(gate, std::move(wake), std::move(post));

  const Handler& handler = incoming.oversize ? shared_->options.oversize : shared_->handler;
  gate->pass(
      [&] { handler(std::move(incoming.request), std::make_shared<ExchangeResponder>(exchange)); });

  bool streaming = false;
  bool ok = true, complete = false;
  while (ok && !complete && !cut_) {
    auto piece = exchange->take();
    if (!piece) {
      if (gate->closed()) break;
      if (!watching_) watch(exchange);
      co_await work_.async_wait(awaiting);
      continue;
    }
    late_after(std::chrono::seconds(shared_->options.idle_seconds_max));
    if (auto* whole = std::get_if<Exchange::Whole>(&*piece)) {
      ok = co_await write_whole(*whole, incoming);
      complete = true;
    } else if (auto* start = std::get_if<Exchange::Start>(&*piece)) {
      streaming = true;
      auto head = status_line(start->status);
      append_field(head, "content-type", start->content_type);
      append_field(head, "cache-control", "no-store");
      for (const auto& [name, value] : start->headers) append_field(head, name, value);
      if (incoming.is_1_0) incoming.keep_alive = false;
      if (!incoming.is_1_0) append_field(head, "transfer-encoding", "chunked");
      if (!incoming.keep_alive) append_field(head, "connection", "close");
      head += "\r\n";
      ok = co_await write_all(head);
    } else if (auto* chunk = std::get_if<Exchange::Chunk>(&*piece)) {
      // An empty chunk would end the body.
      if (!chunk->bytes.empty() && !incoming.is_head) {
        std::array<char, 24> size;
        int digits = std::snprintf(size.data(), size.size(), "%zx\r\n", chunk->bytes.size());
        auto framing = incoming.is_1_0 ? 0 : static_cast<std::size_t>(digits);
        std::array<asio::const_buffer, 3> pieces = {asio::buffer(size.data(), framing),
                                                    asio::buffer(chunk->bytes),
                                                    asio::buffer("\r\n", incoming.is_1_0 ? 0 : 2)};
        auto [ec, count] = co_await asio::async_write(socket_, pieces, awaiting);
        ok = !ec;
      }
      exchange->run(chunk->done, ok);
    } else if (std::holds_alternative<Exchange::End>(*piece)) {
      if (!incoming.is_1_0 && !incoming.is_head) ok = co_await write_all("0\r\n\r\n");
      complete = true;
    } else if (streaming) {
      // Cut off without an end, so that the peer does not take it for whole.
      break;
    } else {
      Exchange::Whole none{500, "application/json", {}, nullptr};
      none.body = std::make_shared<std::string>(R"({"error":"no answer"})");
      ok = co_await write_whole(none, incoming);
      complete = true;
    }
    never_late();
  }
  end_watch();
  if (!ok || cut_) exchange->peer_left();
  exchange->finish();
  if (!ok || !complete || cut_) co_return Next::close;
  if (incoming.oversize) co_return Next::linger;
  co_return incoming.keep_alive ? Next::read_on : Next::close;
}

Connection::Awaitable<bool> Connection::write_whole(const Exchange::Whole& whole,
                                                    const Incoming& incoming) {
  static const std::string empty;
  const std::string& body = whole.body ? *whole.body : empty;
  auto head = status_line(whole.status);
  if (!has_no_body(whole.status)) {
    if (!whole.content_type.empty()) append_field(head, "content-type", whole.content_type);
    append_field(head, "content-length", std::to_string(body.size()));
  }
  for (const auto& [name, value] : whole.headers) append_field(head, name, value);
  if (!incoming.keep_alive) append_field(head, "connection", "close");
  if (incoming.keep_alive && incoming.is_1_0) append_field(head, "connection", "keep-alive");
  head += "\r\n";
  bool with_body = !has_no_body(whole.status) && !incoming.is_head;
  // One call of the system for head and body.
  std::array<asio::const_buffer, 2> pieces = {
      asio::buffer(head), asio::buffer(body.data(), with_body ? body.size() : 0)};
  auto [ec, count] = co_await asio::async_write(socket_, pieces, awaiting);
  co_return !ec;
}

Connection::Awaitable<bool> Connection::write_all(std::string_view bytes) {
  auto [ec, count] =
      co_await asio::async_write(socket_, asio::buffer(bytes.data(), bytes.size()), awaiting);
  co_return !ec;
}

Connection::Awaitable<void> Connection::refuse(Refusal refusal) {
  Exchange::Whole whole{refusal.status, "application/json", {}, nullptr};
  whole.body = std::make_shared<std::string>(R"({"error":)" + json_string(refusal.why) + "}");
  Incoming nothing;
  late_after(linger_seconds);
  if (co_await write_whole(whole, nothing)) co_await linger();
}

Connection::Awaitable<void> Connection::linger() {
  late_after(linger_seconds);
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  buffer_.consume(buffer_.size());
  for (std::size_t total = 0; total < linger_bytes_max;) {
    auto [ec, count] = co_await socket_.async_read_some(buffer_.prepare(read_bytes), awaiting);
    if (ec) break;
    total += count;
  }
}

void Connection::watch(const std::shared_ptr<Exchange>& exchange) {
  watching_ = true;
  auto ready = [self = shared_from_this(), exchange, number = ++watch_](error_code ec) {
    if (number != self->watch_) return;
    char byte;
    auto count = ec ? 0 : ::recv(self->socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    // A next request, already sent: it waits in the socket, and its sender is not watched.
    if (count > 0) return;
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return self->watch(exchange);
    self->cut_ = true;
    self->work_.cancel();
  };
  socket_.async_wait(Socket::wait_read, std::move(ready));
}

void Connection::end_watch() {
  if (!std::exchange(watching_, false)) return;
  ++watch_;
  error_code ignored;
  socket_.cancel(ignored);
}

}  // namespace tailrace::http
