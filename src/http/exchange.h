#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/gate.h"
#include "http/server.h"

namespace tailrace::http {

// How a server calls out of itself: through its gate, so that none is called after its end.
struct Calls {
  Gate gate;
  // Runs a call on the I/O pool. Under the gate only, that is while the event loop lives.
  std::function<void(std::function<void()>)> post;
};

// A connection as its exchanges see it.
class Wakeable {
 public:
  virtual ~Wakeable() = default;
  // The stream's exchange has a piece. Any thread; under the gate only. Never calls back.
  virtual void wake(std::uint32_t stream) = 0;
};

// One request's answer on its way from any thread to its connection, which takes it piece by piece
// on its strand. It holds nothing of the event loop, so a Responder may outlive server and loop.
class Exchange {
 public:
  struct Whole {
    int status = 200;
    std::string content_type;
    Headers headers;
    std::shared_ptr<const std::string> body;
  };
  struct Start {
    int status = 200;
    std::string content_type;
    Headers headers;
  };
  struct Chunk {
    std::string bytes;
    std::function<void(bool)> done;
  };
  struct End {};
  struct Dropped {};  // no answer will come any more
  using Piece = std::variant<Whole, Start, Chunk, End, Dropped>;

  Exchange(std::shared_ptr<Calls> calls, std::weak_ptr<Wakeable> connection, std::uint32_t stream)
      : calls_(std::move(calls)), connection_(std::move(connection)), stream_(stream) {}

  // The connection's side. When there is no piece yet, the next one wakes the connection.
  std::optional<Piece> take();
  // The peer left: runs the callbacks that wait, once.
  void peer_left();
  // Nothing more will be taken; callbacks are forgotten.
  void finish();
  void run(const std::function<void(bool)>& done, bool taken);

  // The answering side, from any thread.
  void send(Whole whole);
  void start(Start start);
  void write(Chunk chunk);
  void end();
  void drop();
  void on_gone(std::function<void()> gone);

 private:
  enum class Phase { open, streaming, ended, closed };

  // With the lock held.
  void wake();

  const std::shared_ptr<Calls> calls_;
  const std::weak_ptr<Wakeable> connection_;
  const std::uint32_t stream_;
  std::mutex mutex_;
  Phase phase_ = Phase::open;
  bool awaited_ = false;  // the connection found nothing and wants to be woken
  std::optional<Whole> whole_;
  std::optional<Start> start_;
  std::optional<Chunk> chunk_;
  bool end_ = false;
  bool dropped_ = false;
  bool gone_ = false;
  std::function<void()> on_gone_;
};

// The Responder that a handler gets.
class ExchangeResponder final : public Responder {
 public:
  explicit ExchangeResponder(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  ~ExchangeResponder() override { exchange_->drop(); }

  void send(Response response) override;
  void send(int status, std::string content_type, Headers headers,
            std::shared_ptr<const std::string> body) override;
  void start(int status, std::string content_type, Headers headers) override;
  void write(std::string chunk, std::function<void(bool)> done) override;
  void end() override;
  void on_gone(std::function<void()> gone) override;

 private:
  const std::shared_ptr<Exchange> exchange_;
};

}  // namespace tailrace::http
