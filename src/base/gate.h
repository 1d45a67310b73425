#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>

namespace tailrace {

// Lets callbacks through until it is closed. An object that hands its callbacks to an event loop
// closes its gate when it is destroyed: afterwards none runs, and none is still running.
class Gate {
 public:
  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Runs the call unless the gate is closed; says whether it ran.
  template <typename Call>
  bool pass(Call&& call) {
    if (!enter()) return false;
    Inside inside(*this);
    std::forward<Call>(call)();
    return true;
  }

  // Waits for the calls inside on other threads. One on this thread, which must be what closes the
  // gate, is let out later.
  void close() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    left_.wait(lock, [this] { return inside_ == inside_on_this_thread(); });
  }

  bool closed() const {
    std::lock_guard lock(mutex_);
    return closed_;
  }

 private:
  // The gates this thread is inside of, innermost first.
  struct Inside {
    explicit Inside(Gate& entered) : gate(entered), outer(innermost) { innermost = this; }
    ~Inside() {
      innermost = outer;
      std::lock_guard lock(gate.mutex_);
      --gate.inside_;
      if (gate.closed_) gate.left_.notify_all();
    }
    Gate& gate;
    Inside* outer;
    static inline thread_local Inside* innermost = nullptr;
  };

  bool enter() {
    std::lock_guard lock(mutex_);
    if (closed_) return false;
    ++inside_;
    return true;
  }

  std::size_t inside_on_this_thread() const {
    std::size_t count = 0;
    for (const Inside* at = Inside::innermost; at; at = at->outer) count += &at->gate == this;
    return count;
  }

  mutable std::mutex mutex_;
  std::condition_variable left_;
  std::size_t inside_ = 0;
  bool closed_ = false;
};

}  // namespace tailrace
