#include "admin/answer.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/whole_number.h"

namespace tailrace::admin {

using json = nlohmann::ordered_json;

int status_of(Fault fault) {
  switch (fault) {
    case Fault::invalid:
      return 400;
    case Fault::not_found:
      return 404;
    case Fault::conflict:
      return 409;
    case Fault::denied:
      return 403;
    case Fault::unavailable:
      return 503;
    case Fault::timeout:
      return 504;
    case Fault::full:
      return 503;
    case Fault::corrupt:
      return 500;
    case Fault::fenced:
      return 503;
    case Fault::gap:
      return 409;
    case Fault::internal:
      return 500;
  }
  __builtin_unreachable();
}

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

http::Response response_of(const Error& error) {
  http::Response response;
  response.status = status_of(error.fault);
  response.body =
      text_of({{"error", {{"fault", name_of(error.fault)}, {"message", error.message}}}});
  return response;
}

void answer(http::Responder& responder, const json& body, int status) {
  http::Response response;
  response.status = status;
  response.body = text_of(body);
  responder.send(std::move(response));
}

void answer(http::Responder& responder, const Error& error) { responder.send(response_of(error)); }

const std::string* text_in(const http::Request& request, const std::string& key) {
  auto found = request.query.find(key);
  return found == request.query.end() ? nullptr : &found->second;
}

Result<std::uint64_t> number_in(const http::Request& request, const std::string& key,
                                std::uint64_t otherwise, std::uint64_t max) {
  const std::string* text = text_in(request, key);
  if (text == nullptr) return otherwise;
  auto number = parse_whole<std::uint64_t>(*text);
  if (!number || *number > max)
    return Error{Fault::invalid,
                 key + " is '" + *text + "'; it must be a number from 0 to " + std::to_string(max)};
  return *number;
}

Result<bool> flag_in(const http::Request& request, const std::string& key) {
  const std::string* text = text_in(request, key);
  if (text == nullptr || *text == "false") return false;
  if (text->empty() || *text == "true") return true;
  return Error{Fault::invalid, key + " is '" + *text + "'; it must be true or false"};
}

}  // namespace tailrace::admin
