#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace tailrace::aws::kinesis {

// A call that is due later. Letting go of it takes the call back, unless it runs already.
using Timer = std::shared_ptr<void>;

class Timers {
 public:
  virtual ~Timers() = default;
  // Any thread may ask. The call is never made before after() has returned.
  [[nodiscard]] virtual Timer after(std::chrono::milliseconds delay,
                                    std::function<void()> call) = 0;
};

// Timers of the event loop, which has to outlive them: their calls are made on its threads.
std::unique_ptr<Timers> make_timers(boost::asio::io_context& io);

}  // namespace tailrace::aws::kinesis
