#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "function/pool.h"

namespace tailrace::function {

// A callback for the event loop about one worker of a pool. It does nothing once the platform, the
// pool or the worker is gone; else it runs `use(pool, worker, arguments...)` under `mutex`.
template <typename Use>
auto pool_callback(std::shared_ptr<Gate> gate, std::weak_ptr<Pool> weak_pool,
                   std::weak_ptr<Worker> weak_worker, std::mutex& mutex, Use use) {
  return [gate = std::move(gate), weak_pool = std::move(weak_pool),
          weak_worker = std::move(weak_worker), &mutex, use = std::move(use)](auto&&... arguments) {
    gate->pass([&] {
      auto pool = weak_pool.lock();
      auto worker = weak_worker.lock();
      if (!pool || !worker) return;
      std::lock_guard lock(mutex);
      use(*pool, worker, std::forward<decltype(arguments)>(arguments)...);
    });
  };
}

}  // namespace tailrace::function
