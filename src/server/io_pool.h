#pragma once

#include <memory>

namespace boost::asio {
class io_context;
}

namespace tailrace::server {

// The threads of everything that waits on many peers: HTTP, cursors, workers. They stop, with what
// has not been called dropped, when the pool goes: after all that uses it.
class IoPool {
 public:
  IoPool();
  ~IoPool();

  boost::asio::io_context& context();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tailrace::server
