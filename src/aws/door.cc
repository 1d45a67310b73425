#include "aws/door.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <random>
#include <utility>
#include <variant>

#include "aws/identity.h"
#include "aws/sigv4.h"
#include "base/base64.h"
#include "base/check.h"
#include "base/uuid.h"

namespace tailrace::aws {
namespace {

constexpr std::string_view plain_json = "application/json";

// Ids tell requests apart and guard nothing.
std::mt19937_64& ids() {
  thread_local std::mt19937_64 random = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  return random;
}

// A token for AWS's support; clients show it beside the request id.
std::string extended_request_id() {
  std::array<std::uint64_t, 9> words;
  std::generate(words.begin(), words.end(), std::ref(ids()));
  return base64({reinterpret_cast<const char*>(words.data()), sizeof words});
}

std::string_view before(char separator, std::string_view text) {
  text = text.substr(0, text.find(separator));
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::optional<Codec> codec_of(std::string_view content_type) {
  if (content_type == content_type_of(Codec::json)) return Codec::json;
  if (content_type == content_type_of(Codec::cbor)) return Codec::cbor;
  return std::nullopt;
}

// What cannot be tied to an action is answered in XML, as AWS's front does.
http::Response xml_answer(int status, std::string body, http::Headers headers) {
  return {status, "application/xml", std::move(body), std::move(headers)};
}

http::Response access_denied(std::string_view why, http::Headers headers) {
  return xml_answer(403,
                    "<AccessDeniedException>\n  <Message>" + std::string(why) +
                        "</Message>\n</AccessDeniedException>\n",
                    std::move(headers));
}

// AWS answers requests in application/json and serves none.
http::Response plain_json_answer(int status, std::string_view type, http::Headers headers) {
  return {status, std::string(plain_json),
          "{\"Output\":{\"__type\":\"com.amazon.coral.service#" + std::string(type) +
              "\"},\"Version\":\"1.0\"}",
          std::move(headers)};
}

std::map<std::string, Operation, std::less<>> by_name(std::vector<Operation> operations) {
  std::map<std::string, Operation, std::less<>> map;
  for (Operation& operation : operations) {
    std::string name = operation.name;
    TAILRACE_CHECK(map.emplace(std::move(name), std::move(operation)).second);
  }
  return map;
}

// The answer to a browser that asks whether it may send something else.
http::Response preflight_answer(const http::Request& request, http::Headers headers) {
  if (auto asked = request.header("access-control-request-headers"); !asked.empty())
    headers.emplace_back("Access-Control-Allow-Headers", asked);
  if (auto asked = request.header("access-control-request-method"); !asked.empty())
    headers.emplace_back("Access-Control-Allow-Methods", asked);
  headers.emplace_back("Access-Control-Max-Age", "172800");
  return {200, "text/plain", "", std::move(headers)};
}

}  // namespace

Door::Door(Options options, std::vector<Operation> operations, Verifier* verifier)
    : options_(std::move(options)),
      operations_(by_name(std::move(operations))),
      verifier_(verifier) {}

const Operation* Door::find(std::string_view target) const {
  std::string_view prefix = options_.target_prefix;
  if (!target.starts_with(prefix) || !target.substr(prefix.size()).starts_with('.')) return nullptr;
  auto found = operations_.find(target.substr(prefix.size() + 1));
  return found == operations_.end() ? nullptr : &found->second;
}

void Door::serve(http::Request request, std::shared_ptr<http::Responder> responder) {
  http::Headers headers;
  headers.reserve(3);  // and one more with an error
  headers.emplace_back("x-amzn-RequestId", random_uuid(ids()));

  if (!request.header("origin").empty()) {
    if (!verifier_)
      return responder->send(
          access_denied("Pages of this origin may not call.", std::move(headers)));
    headers.emplace_back("Access-Control-Allow-Origin", "*");
    headers.emplace_back("Vary", "Origin");
    if (request.method == "OPTIONS")
      return responder->send(preflight_answer(request, std::move(headers)));
    headers.emplace_back("Access-Control-Expose-Headers",
                         "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,"
                         "x-amzn-ErrorMessage,Date");
  }
  headers.emplace_back("x-amz-id-2", extended_request_id());

  constexpr std::string_view nothing_to_authorize =
      "Unable to determine service/operation name to be authorized";
  if (request.method != "POST")
    return responder->send(access_denied(nothing_to_authorize, std::move(headers)));

  const std::string_view target = request.header("x-amz-target");
  const Operation* operation = find(target);
  const std::string_view content_type = before(';', request.header("content-type"));
  const std::optional<Codec> codec = codec_of(content_type);
  auto refuse = [&](const Failure& failure) {
    responder->send(failure_answer(codec.value_or(Codec::cbor), failure, std::move(headers)));
  };

  // AWS refuses all empty bodies. A client may leave one out where there is nothing to say.
  const bool takes_nothing = operation && operation->input->fields.empty() && codec;
  if (request.body.empty() && !takes_nothing)
    return refuse({operation ? "SerializationException" : "UnknownOperationException", ""});

  if (!codec && content_type != plain_json) {
    auto dot = target.find('.');
    if (dot == 0 || dot == std::string_view::npos || dot + 1 == target.size())
      return responder->send(access_denied(nothing_to_authorize, std::move(headers)));
    return responder->send(xml_answer(404, "<UnknownOperationException/>\n", std::move(headers)));
  }

  // The signature is over the body, which is gone once it is read; but what is wrong with the body
  // is told first.
  std::variant<const Identity*, Failure> signer = nullptr;
  if (verifier_ && operation && codec) signer = verifier_->verify(request);

  Result<Document> document =
      request.body.empty() ? Result<Document>(Document(*codec))
                           : read_document(codec.value_or(Codec::json), std::move(request.body));
  if (!codec)
    return responder->send(
        document ? plain_json_answer(404, "UnknownOperationException", std::move(headers))
                 : plain_json_answer(400, "SerializationException", std::move(headers)));
  if (!document) return refuse({"SerializationException", ""});
  if (!operation) return refuse({"UnknownOperationException", ""});
  if (const auto* failure = std::get_if<Failure>(&signer)) return refuse(*failure);
  if (auto failure = check(*document, *operation->input)) return refuse(*failure);
  if (const Identity* identity = std::get<const Identity*>(signer))
    for (const std::string& resource : operation->resources(document->root()))
      if (auto failure = identity->refuse(options_.service + ":" + operation->name, resource))
        return refuse(*failure);

  operation->run(std::make_shared<Call>(std::move(*document), std::move(request.headers),
                                        std::move(headers), std::move(responder)));
}

}  // namespace tailrace::aws
