#include "server/io_pool.h"

#include <pthread.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <string>
#include <thread>
#include <vector>

namespace tailrace::server {
namespace {

// Two even on one core, so that a long read never holds up everything; more than four would only
// take turns with the threads that feed the disk.
unsigned thread_count() { return std::clamp(std::thread::hardware_concurrency(), 2u, 4u); }

}  // namespace

struct IoPool::State {
  boost::asio::io_context context{static_cast<int>(thread_count())};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
      context.get_executor()};
  std::vector<std::thread> threads;
};

IoPool::IoPool() : state_(std::make_unique<State>()) {
  for (unsigned i = 0; i < thread_count(); ++i)
    state_->threads.emplace_back([this, i] {
      pthread_setname_np(pthread_self(), ("io-" + std::to_string(i)).c_str());
      state_->context.run();
    });
}

IoPool::~IoPool() {
  state_->context.stop();
  for (std::thread& thread : state_->threads) thread.join();
}

boost::asio::io_context& IoPool::context() { return state_->context; }

}  // namespace tailrace::server
