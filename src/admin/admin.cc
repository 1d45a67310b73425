#include "admin/admin.h"

#include <mutex>
#include <shared_mutex>
#include <utility>

#include "admin/answer.h"
#include "admin/routes.h"

namespace tailrace::admin {
namespace {

// Lets requests in until the Api goes, and makes it wait for those that are inside.
struct Door {
  std::shared_mutex mutex;
  const Router* router = nullptr;
};

class RoutedApi final : public Api {
 public:
  RoutedApi(boost::asio::io_context& io, Parts& parts) {
    add_health_routes(router_, parts);
    add_metrics_routes(router_, parts);
    add_stream_routes(router_, io, open_, parts);
    add_task_routes(router_, io, open_, calls_, waits_, parts);
    add_function_routes(router_, io, open_, parts);
    add_trigger_routes(router_, calls_, parts);
    door_->router = &router_;
  }

  ~RoutedApi() override {
    {
      std::unique_lock lock(door_->mutex);
      door_->router = nullptr;
    }
    open_.close_all();
  }  // The pools wait for the calls under way; what those would still open is refused.

  http::Handler handler() override {
    return [door = door_](http::Request request, std::shared_ptr<http::Responder> responder) {
      std::shared_lock lock(door->mutex);
      if (door->router == nullptr)
        return answer(*responder, Error{Fault::unavailable, "the server is stopping"});
      door->router->route(std::move(request), std::move(responder));
    };
  }

 private:
  // Shared with the handlers that were given out, which may be called when we are gone.
  std::shared_ptr<Door> door_ = std::make_shared<Door>();
  Router router_;
  OpenAnswers open_;
  BlockingPool calls_{{.name = "admin-call", .threads_max = 2}};
  BlockingPool waits_{{.name = "admin-wait", .threads_max = 8}};
};

}  // namespace

std::unique_ptr<Api> Api::make(boost::asio::io_context& io, Parts& parts) {
  return std::make_unique<RoutedApi>(io, parts);
}

}  // namespace tailrace::admin
