#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/server.h"

namespace tailrace::admin {

// One request on its way to its answer.
struct Call {
  http::Request request;
  std::vector<std::string> names;  // what stood in the path for each {}
  std::shared_ptr<http::Responder> responder;
};

// Finds who answers a request, and turns away what nobody does and what a web page could forge.
class Router {
 public:
  using Answerer = std::function<void(Call)>;

  // `path` as "/v1/streams/{}/records"; {} stands for one segment that is not empty.
  void add(std::string method, std::string_view path, Answerer answerer);

  void route(http::Request request, std::shared_ptr<http::Responder> responder) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;
    Answerer answerer;
  };
  std::vector<Route> routes_;
};

}  // namespace tailrace::admin
