#include "aws/kinesis/timers.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace tailrace::aws::kinesis {
namespace {

struct AsioTimer {
  AsioTimer(boost::asio::io_context& io, std::function<void()> later)
      : timer(io), call(std::move(later)) {}
  boost::asio::steady_timer timer;  // cancelled where it ends
  const std::function<void()> call;
};

class AsioTimers final : public Timers {
 public:
  explicit AsioTimers(boost::asio::io_context& io) : io_(io) {}

  Timer after(std::chrono::milliseconds delay, std::function<void()> call) override {
    auto timer = std::make_shared<AsioTimer>(io_, std::move(call));
    timer->timer.expires_after(delay);
    timer->timer.async_wait([weak = std::weak_ptr(timer)](boost::system::error_code failure) {
      auto self = weak.lock();
      if (self && !failure) self->call();
    });
    return timer;
  }

 private:
  boost::asio::io_context& io_;
};

}  // namespace

std::unique_ptr<Timers> make_timers(boost::asio::io_context& io) {
  return std::make_unique<AsioTimers>(io);
}

}  // namespace tailrace::aws::kinesis
