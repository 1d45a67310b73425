#pragma once

#include <atomic>

namespace tailrace::aws::kinesis {

// Runs a step whenever somebody asks, on the asking thread, and never two at a time: who asks while
// one runs, also from within it, makes it run once more.
class Serial {
 public:
  template <typename Step>
  void run(Step step) {
    if (asked_.fetch_add(1) > 0) return;
    unsigned seen;
    do {
      seen = asked_.load();
      step();
    } while (!asked_.compare_exchange_strong(seen, 0));
  }

 private:
  std::atomic<unsigned> asked_{0};
};

}  // namespace tailrace::aws::kinesis
