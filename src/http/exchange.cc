#include "http/exchange.h"

namespace tailrace::http {

std::optional<Exchange::Piece> Exchange::take() {
  std::lock_guard lock(mutex_);
  if (whole_) return std::exchange(whole_, std::nullopt);
  if (start_) return std::exchange(start_, std::nullopt);
  if (chunk_) return std::exchange(chunk_, std::nullopt);
  if (std::exchange(end_, false)) return End{};
  if (std::exchange(dropped_, false)) return Dropped{};
  awaited_ = true;
  return std::nullopt;
}

void Exchange::wake() {
  if (!std::exchange(awaited_, false)) return;
  if (auto connection = connection_.lock()) connection->wake(stream_);
}

void Exchange::peer_left() {
  std::function<void()> gone;
  std::optional<Chunk> chunk;
  {
    std::lock_guard lock(mutex_);
    if (phase_ == Phase::closed) return;
    phase_ = Phase::closed;
    gone_ = true;
    gone = std::exchange(on_gone_, nullptr);
    chunk = std::exchange(chunk_, std::nullopt);
  }
  if (chunk) run(chunk->done, false);
  if (gone) calls_->gate.pass(gone);
}

void Exchange::finish() {
  std::function<void()> gone;
  std::optional<Chunk> chunk;
  std::lock_guard lock(mutex_);
  phase_ = Phase::closed;
  // Their captures may hold the Responder, whose destructor comes back here: they end after the
  // lock does.
  gone = std::exchange(on_gone_, nullptr);
  chunk = std::exchange(chunk_, std::nullopt);
}

void Exchange::run(const std::function<void(bool)>& done, bool taken) {
  if (done) calls_->gate.pass([&] { done(taken); });
}

void Exchange::send(Whole whole) {
  calls_->gate.pass([&] {
    std::lock_guard lock(mutex_);
    if (phase_ != Phase::open) return;
    phase_ = Phase::ended;
    whole_ = std::move(whole);
    wake();
  });
}

void Exchange::start(Start start) {
  calls_->gate.pass([&] {
    std::lock_guard lock(mutex_);
    if (phase_ != Phase::open) return;
    phase_ = Phase::streaming;
    start_ = std::move(start);
    wake();
  });
}

void Exchange::write(Chunk chunk) {
  calls_->gate.pass([&] {
    {
      std::lock_guard lock(mutex_);
      if (phase_ == Phase::streaming && !chunk_) {
        chunk_ = std::move(chunk);
        wake();
        return;
      }
    }
    if (chunk.done)
      calls_->post([calls = calls_, done = std::move(chunk.done)] {
        calls->gate.pass([&] { done(false); });
      });
  });
}

void Exchange::end() {
  calls_->gate.pass([&] {
    std::lock_guard lock(mutex_);
    if (phase_ != Phase::streaming) return;
    phase_ = Phase::ended;
    end_ = true;
    wake();
  });
}

void Exchange::drop() {
  calls_->gate.pass([&] {
    std::lock_guard lock(mutex_);
    if (phase_ != Phase::open && phase_ != Phase::streaming) return;
    phase_ = Phase::ended;
    dropped_ = true;
    wake();
  });
}

void Exchange::on_gone(std::function<void()> gone) {
  calls_->gate.pass([&] {
    {
      std::lock_guard lock(mutex_);
      if (phase_ != Phase::closed) {
        on_gone_ = std::move(gone);
        return;
      }
      if (!gone_) return;
    }
    calls_->post([calls = calls_, gone = std::move(gone)] { calls->gate.pass(gone); });
  });
}

void ExchangeResponder::send(Response response) {
  exchange_->send({response.status, std::move(response.content_type), std::move(response.headers),
                   std::make_shared<const std::string>(std::move(response.body))});
}

void ExchangeResponder::send(int status, std::string content_type, Headers headers,
                             std::shared_ptr<const std::string> body) {
  exchange_->send({status, std::move(content_type), std::move(headers), std::move(body)});
}

void ExchangeResponder::start(int status, std::string content_type, Headers headers) {
  exchange_->start({status, std::move(content_type), std::move(headers)});
}

void ExchangeResponder::write(std::string chunk, std::function<void(bool)> done) {
  exchange_->write({std::move(chunk), std::move(done)});
}

void ExchangeResponder::end() { exchange_->end(); }

void ExchangeResponder::on_gone(std::function<void()> gone) { exchange_->on_gone(std::move(gone)); }

}  // namespace tailrace::http
