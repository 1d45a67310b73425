#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace boost::asio {
class io_context;
}

namespace tailrace::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;                        // "GET"
  std::string target;                        // as sent, query included
  std::string path;                          // decoded, without the query: "/v1/streams/a"
  std::map<std::string, std::string> query;  // decoded; of repeated keys the last
  // Values as sent, names in lower case; HTTP/2's pseudo-headers are not among them.
  Headers headers;
  std::string body;
  std::string authority;  // the Host field, or HTTP/2's :authority, as sent; empty when absent
  std::string peer;       // "127.0.0.1:51234"
  bool secure = false;    // came over TLS
  int version = 11;       // 11: HTTP/1.x, 20: HTTP/2
  std::string_view header(std::string_view lower_case_name) const;  // empty when absent
};

// Every answer also carries Date.
struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  Headers headers;
};

// Answers one request, from any thread, at any later time. Exactly one of send() or start()..end().
// Dropping the last reference without an answer answers 500.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void send(Response response) = 0;
  // Shares the body instead of copying it (a function's event).
  virtual void send(int status, std::string content_type, Headers headers,
                    std::shared_ptr<const std::string> body) = 0;

  // An answer of unknown length (chunked), for live data.
  virtual void start(int status, std::string content_type, Headers headers) = 0;
  // `done(true)` once the peer's window and socket took it, `done(false)` when the peer is gone.
  // One write at a time: slow readers are slowed, not buffered.
  virtual void write(std::string chunk, std::function<void(bool)> done) = 0;
  virtual void end() = 0;

  // Called once when the peer leaves before the answer is complete. On the I/O pool.
  virtual void on_gone(std::function<void()> gone) = 0;
};

using Handler = std::function<void(Request, std::shared_ptr<Responder>)>;

// HTTP/1.1 with keep-alive and HTTP/2 on one port, told apart by their first bytes: HTTP/2 with
// prior knowledge in plain text, or either by ALPN over TLS. Strict: obs-fold, bad or doubled
// lengths, TE with CL, unknown methods and over-long anything are refused with 400/413/431 and the
// connection is closed.
class Server {
 public:
  enum class PlainText { accepted, refused };
  // TLS 1.2 or later. Both files are PEM, read once.
  struct Tls {
    std::string certificate_file;  // the server's certificate first, then its chain
    std::string key_file;
    PlainText plain_text = PlainText::refused;  // on the same port
  };
  struct Options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;  // 0: any free one
    std::size_t body_bytes_max = 8u << 20;
    std::size_t header_bytes_max = 16u << 10;
    std::size_t connections_max = 1024;
    // Open requests on one HTTP/2 connection: a Kinesis consumer has one for each shard.
    std::size_t streams_max = 2048;
    // What all requests hold together, from their first byte until their answer is taken: heads,
    // bodies, answers. A request that does not fit is answered 503.
    std::size_t held_bytes_max = 256u << 20;
    std::optional<Tls> tls = {};
    // Requests must name one of these hosts (any port) as their authority, else 403: what a page
    // that rebinds DNS to loopback cannot do. Empty: no check (a function's Runtime API).
    std::vector<std::string> hosts_allowed = {};
    // Seconds a connection may take to send a whole request; none once it waits for an answer.
    int request_seconds_max = 30;
    int idle_seconds_max = 300;
    // Asked instead of answering 413 when a body is over body_bytes_max; the request has no body.
    // The connection closes after the answer either way.
    Handler oversize = {};
  };
  // Fault::conflict when the port is taken (the message names it), denied when it is not allowed.
  static Result<std::unique_ptr<Server>> listen(boost::asio::io_context& io, Options options,
                                                Handler handler);
  // Stops accepting and closes every connection.
  virtual ~Server() = default;
  virtual std::uint16_t port() const = 0;
  // Takes no more connections; those open take no new request (HTTP/2 peers hear GOAWAY) and close
  // when what is under way is answered. Long answers go on: only destruction ends them.
  virtual void drain() = 0;
  // False when connections are still open at the end of patience. Not from the I/O pool.
  virtual bool wait_until_drained(std::chrono::milliseconds patience) = 0;
};

}  // namespace tailrace::http
