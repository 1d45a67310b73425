#pragma once

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

  // `wake` tells the connection to look for a piece, `post` runs a call on the I/O pool. Both are
  // called under the gate only, that is while the event loop lives.
  using Post = std::function<void(std::function<void()>)>;
  Exchange(std::shared_ptr<Gate> gate, std::function<void()> wake, Post post)
      : gate_(std::move(gate)), wake_(std::move(wake)), post_(std::move(post)) {}

  // The connection's side.
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

  const std::shared_ptr<Gate> gate_;
  const std::function<void()> wake_;
  const Post post_;
  std::mutex mutex_;
  Phase phase_ = Phase::open;
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
