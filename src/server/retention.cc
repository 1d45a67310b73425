#include "server/retention.h"

#include <pthread.h>
#include <spdlog/spdlog.h>

namespace tailrace::server {
namespace {

void retire(stream::Stream& stream) {
  auto retired = stream.retire();
  if (!retired)
    spdlog::error("stream {}: retention: {}", stream.spec()->name, retired.error().message);
  else if (*retired > 0)
    spdlog::info("stream {}: {} segments are past their retention and deleted", stream.spec()->name,
                 *retired);
}

}  // namespace

Retention::Retention(stream::Streams& streams, catalog::StreamOperations& operations)
    : streams_(streams), operations_(operations), thread_([this] { run(); }) {}

Retention::~Retention() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  stopped_changed_.notify_all();
  thread_.join();
}

void Retention::run() {
  pthread_setname_np(pthread_self(), "retention");
  std::unique_lock lock(mutex_);
  while (!stopped_changed_.wait_for(lock, std::chrono::minutes{1}, [this] { return stopped_; })) {
    lock.unlock();
    for (const auto& stream : streams_.all()) retire(*stream);
    if (auto tidied = operations_.tidy(); !tidied)
      spdlog::error("retention: {}", tidied.error().message);
    lock.lock();
  }
}

}  // namespace tailrace::server
