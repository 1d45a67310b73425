#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "http/budget.h"
#include "http/exchange.h"
#include "http/server.h"

namespace tailrace::http {

using Instant = std::chrono::steady_clock::time_point;
constexpr Instant never = Instant::max();

// What all connections of one server share. Connections may outlive the server by a moment: the
// gate in `calls` is what keeps them from calling out then.
struct Shared {
  Shared(Server::Options with, Handler answering)
      : options(std::move(with)), handler(std::move(answering)), held(options.held_bytes_max) {}

  const Server::Options options;
  const Handler handler;
  Budget held;
  Calls calls;

  std::atomic<std::size_t> connections = 0;
  std::mutex ended_mutex;
  std::condition_variable connection_ended;
};

// What a session knows of the connection that carries it.
struct Carrier {
  std::string peer;  // "127.0.0.1:51234"
  bool secure = false;
  std::weak_ptr<Wakeable> connection;
};

// Bytes to write, in up to three pieces.
struct Output {
  std::array<std::string_view, 3> pieces;
  bool empty() const { return pieces[0].empty() && pieces[1].empty() && pieces[2].empty(); }
};

// One protocol on one connection, apart from sockets and event loop: bytes in, bytes out. After
// each call its owner asks for output, writes it, and looks at ending(). One thread at a time.
class Session {
 public:
  enum class Ending {
    open,
    cut,     // at once
    close,   // when the output is written
    linger,  // the peer may still be sending: its bytes are read and dropped for a while, since
             // closing with unread bytes makes a reset, which can overtake the answer
  };

  virtual ~Session() = default;
  // Takes all the bytes. May call the handler.
  virtual void receive(std::string_view bytes) = 0;
  // Whether receive() should be called. False holds the peer up.
  virtual bool wants_more() const = 0;
  // The peer sends no more; it may still read.
  virtual void peer_closed() = 0;
  virtual void wake(std::uint32_t stream) = 0;
  // What to write next; empty when there is nothing now. Stays in place until wrote().
  virtual Output output() = 0;
  virtual void wrote() = 0;
  virtual Ending ending() const = 0;
  // No new request; ends when what is under way is answered.
  virtual void drain() = 0;
  // The connection is gone: those who answer hear of it.
  virtual void abandon() = 0;
  // When to call expire(), never before; what is late then is cut.
  virtual Instant deadline() const = 0;
  virtual void expire(Instant now) = 0;
};

// Gives a complete request to the handler, or one with a body too large to the oversize handler.
std::shared_ptr<Exchange> hand_out(const std::shared_ptr<Shared>& shared, const Carrier& carrier,
                                   std::uint32_t stream, const Handler& handler, Request request);

// An answer of the server's own: {"error": "..."}.
Exchange::Whole own_answer(int status, std::string_view why);

}  // namespace tailrace::http
