#include "http/session.h"

#include "base/json_text.h"

namespace tailrace::http {

std::shared_ptr<Exchange> hand_out(const std::shared_ptr<Shared>& shared, const Carrier& carrier,
                                   std::uint32_t stream, const Handler& handler, Request request) {
  // The gate lives in what the connections share; this keeps it for a late Responder.
  std::shared_ptr<Calls> calls(shared, &shared->calls);
  auto exchange = std::make_shared<Exchange>(std::move(calls), carrier.connection, stream);
  shared->calls.gate.pass(
      [&] { handler(std::move(request), std::make_shared<ExchangeResponder>(exchange)); });
  return exchange;
}

Exchange::Whole own_answer(int status, std::string_view why) {
  Exchange::Whole whole{status, "application/json", {}, nullptr};
  whole.body = std::make_shared<std::string>(R"({"error":)" + json_string(why) + "}");
  return whole;
}

}  // namespace tailrace::http
