#include "admin/admin.h"

#include <utility>

#include "admin/answer.h"
#include "admin/routes.h"
#include "base/gate.h"

namespace tailrace::admin {
namespace {

// Shared with the handlers that were given out, which may be called when the Api is gone.
struct Door {
  Gate gate;
  Router router;
};

class RoutedApi final : public Api {
 public:
  RoutedApi(boost::asio::io_context& io, Parts& parts) {
    add_health_routes(door_->router, parts);
    add_metrics_routes(door_->router, parts);
    add_stream_routes(door_->router, io, open_, parts);
    add_task_routes(door_->router, io, open_, calls_, waits_, parts);
    add_function_routes(door_->router, io, open_, parts);
    add_trigger_routes(door_->router, calls_, parts);
  }

  ~RoutedApi() override {
    door_->gate.close();
    open_.close_all();
  }  // The pools wait for the calls under way; what those would still open is refused.

  http::Handler handler() override {
    return [door = door_](http::Request request, std::shared_ptr<http::Responder> responder) {
      bool inside = door->gate.pass([&] { door->router.route(std::move(request), responder); });
      if (!inside) answer(*responder, Error{Fault::unavailable, "the server is stopping"});
    };
  }

 private:
  const std::shared_ptr<Door> door_ = std::make_shared<Door>();
  http::OpenAnswers open_;
  BlockingPool calls_{{.name = "admin-call", .threads_max = 2}};
  BlockingPool waits_{{.name = "admin-wait", .threads_max = 8}};
};

}  // namespace

std::unique_ptr<Api> Api::make(boost::asio::io_context& io, Parts& parts) {
  return std::make_unique<RoutedApi>(io, parts);
}

}  // namespace tailrace::admin
