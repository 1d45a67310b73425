#include "pg/cancel_request.h"

#include <libpq-fe.h>
#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace tailrace::pg {

struct CancelRequest::Shared {
  explicit Shared(pg_conn* connection) : cancel(PQgetCancel(connection), &PQfreeCancel) {}

  void over() {
    std::lock_guard lock(mutex);
    on_its_way = false;
    changed.notify_all();
  }

  const std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> cancel;
  std::mutex mutex;
  std::condition_variable changed;
  bool on_its_way = false;
};

CancelRequest::CancelRequest(pg_conn* connection) : shared_(std::make_shared<Shared>(connection)) {}

void CancelRequest::send() {
  if (shared_->cancel == nullptr) return;
  {
    std::lock_guard lock(shared_->mutex);
    if (std::exchange(shared_->on_its_way, true)) return;
  }
  try {
    std::thread([shared = shared_] {
      pthread_setname_np(pthread_self(), "pg-cancel");
      char problem[256];
      PQcancel(shared->cancel.get(), problem, sizeof problem);
      shared->over();
    }).detach();
  } catch (const std::system_error&) {
    // No thread can be had: the statement is waited for no longer than an unheard request is.
    shared_->over();
  }
}

bool CancelRequest::wait_until_taken(std::chrono::milliseconds patience) {
  std::unique_lock lock(shared_->mutex);
  return shared_->changed.wait_for(lock, patience, [this] { return !shared_->on_its_way; });
}

}  // namespace tailrace::pg
