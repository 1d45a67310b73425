#pragma once

#include <chrono>
#include <memory>

struct pg_conn;

namespace tailrace::pg {

// Asks a server to cancel what one connection runs. Any thread may call.
//
// PQcancel() waits until the server has taken the request, however long its host or its postmaster
// says nothing, and up to libpq 16 nothing can end that wait. So it runs on a thread of its own
// that holds only the server's address and the key. It is detached: a server that stays silent
// must not hold up whoever stops.
class CancelRequest {
 public:
  // `connection` need not outlive this.
  explicit CancelRequest(pg_conn* connection);

  // Does not wait. Nothing happens while an earlier request is still on its way.
  void send();
  // Waits until no request is on its way, so that none can hit a later statement. False: the
  // server has not taken it in this time.
  bool wait_until_taken(std::chrono::milliseconds patience);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;  // with the thread, which may outlive this
};

}  // namespace tailrace::pg
