#pragma once

#include <memory>
#include <mutex>
#include <set>

#include "base/guarded.h"

namespace tailrace::http {

// An answer that waits for something to happen: it outlives the call that began it.
class OpenAnswer {
 public:
  virtual ~OpenAnswer() = default;
  // Ends it or gives it up. When this returns, nothing of the parts is touched any more. May come
  // twice.
  virtual void close() = 0;
};

// Owns the open answers, so that all of them can be closed before the parts they use go away.
class OpenAnswers {
 public:
  ~OpenAnswers() { close_all(); }

  // False once they are closed: begin nothing.
  [[nodiscard]] bool add(std::shared_ptr<OpenAnswer> answer);
  void remove(const std::shared_ptr<OpenAnswer>& answer);
  void close_all();

 private:
  struct State {
    std::set<std::shared_ptr<OpenAnswer>> answers;
    bool closed = false;
  };
  Guarded<State> state_;
};

}  // namespace tailrace::http
