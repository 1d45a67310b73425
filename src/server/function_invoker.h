#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "delivery/deliveries.h"
#include "function/functions.h"

namespace boost::asio {
class io_context;
}

namespace tailrace::server {

// Lets delivery reach functions.
class FunctionInvoker final : public delivery::Invoker {
 public:
  // `why_not` tells why a function is not there although it is declared.
  FunctionInvoker(boost::asio::io_context& io, function::Functions& functions,
                  std::function<std::optional<Error>(const std::string&)> why_not)
      : io_(io), functions_(functions), why_not_(std::move(why_not)) {}

  void invoke(const std::string& function, const std::string& request_id,
              std::shared_ptr<const std::string> event,
              std::function<void(delivery::Answer)> done) override;

 private:
  boost::asio::io_context& io_;
  function::Functions& functions_;
  std::function<std::optional<Error>(const std::string&)> why_not_;
};

}  // namespace tailrace::server
