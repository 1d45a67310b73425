#include "admin/wait.h"

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <mutex>
#include <optional>
#include <utility>

namespace tailrace::admin {
namespace {

// What calls back (the source, the timer, the peer that leaves) knows it weakly; it is owned by the
// open answers until it is done.
class Wait final : public http::OpenAnswer, public std::enable_shared_from_this<Wait> {
 public:
  Wait(boost::asio::io_context& io, http::OpenAnswers& open, WakeSource source,
       std::function<bool(LastTry)> try_answer)
      : io_(io),
        open_(open),
        source_(std::move(source)),
        timer_(io),
        try_answer_(std::move(try_answer)) {}

  void begin(std::chrono::milliseconds patience, http::Responder& responder) {
    std::weak_ptr<Wait> weak = weak_from_this();
    responder.on_gone([weak] {
      if (auto self = weak.lock()) self->close();
    });
    {
      std::lock_guard lock(mutex_);
      if (done_) return;
      // Before the first try: what moves after it must wake us.
      subscription_ = source_.subscribe([weak] {
        if (auto self = weak.lock()) self->woken();
      });
      timer_.expires_after(patience);
      timer_.async_wait([weak](const boost::system::error_code& failure) {
        auto self = weak.lock();
        if (self && !failure) self->attempt(LastTry::yes);
      });
    }
    attempt(LastTry::no);
  }

  void close() override {
    std::lock_guard lock(mutex_);
    finish();
  }

 private:
  // On the source's thread, which must not be held up nor called back.
  void woken() {
    if (wake_posted_.exchange(true)) return;
    boost::asio::post(io_, [self = shared_from_this()] {
      self->wake_posted_ = false;
      self->attempt(LastTry::no);
    });
  }

  void attempt(LastTry last) {
    std::lock_guard lock(mutex_);
    if (!done_ && try_answer_(last)) finish();
  }

  void finish() {
    if (done_) return;
    done_ = true;
    if (subscription_) source_.unsubscribe(*subscription_);
    timer_.cancel();
    try_answer_ = nullptr;
    open_.remove(shared_from_this());
  }

  boost::asio::io_context& io_;
  http::OpenAnswers& open_;
  const WakeSource source_;
  std::atomic<bool> wake_posted_{false};

  std::mutex mutex_;  // over all below, and held while trying: close() waits for it
  boost::asio::steady_timer timer_;
  std::function<bool(LastTry)> try_answer_;
  std::optional<std::uint64_t> subscription_;
  bool done_ = false;
};

}  // namespace

void answer_when_ready(boost::asio::io_context& io, http::OpenAnswers& open, WakeSource source,
                       std::chrono::milliseconds patience,
                       std::shared_ptr<http::Responder> responder,
                       std::function<bool(LastTry)> try_answer) {
  if (patience.count() == 0) {
    try_answer(LastTry::yes);
    return;
  }
  auto wait = std::make_shared<Wait>(io, open, std::move(source), std::move(try_answer));
  if (open.add(wait)) wait->begin(patience, *responder);
}

}  // namespace tailrace::admin
