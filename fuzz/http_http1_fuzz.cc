// Arbitrary bytes as what an HTTP/1.1 peer sends: heads, targets, bodies of known length and in
// chunks, pipelined. However the bytes are cut into reads, the handler sees the same requests.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "http/http1.h"

namespace {

using namespace tailrace;  // NOLINT: the whole file is about one part of it

// The three ways to answer, so that pipelined requests meet each of them.
void answer(const http::Request& request, const std::shared_ptr<http::Responder>& responder) {
  switch (request.target.size() % 3) {
    case 0:
      return responder->send({200, "text/plain", request.body, {{"x-path", request.path}}});
    case 1:
      responder->start(200, "text/plain", {});
      return responder->write(request.body, [responder](bool) { responder->end(); });
    default:
      return;
  }
}

// Says what the handler saw.
std::string serve(std::string_view bytes, std::size_t step) {
  std::string seen;
  http::Server::Options options;
  options.body_bytes_max = 1000;
  options.header_bytes_max = 2000;
  options.held_bytes_max = 5000;
  options.hosts_allowed = {"x", "localhost"};
  auto shared = std::make_shared<http::Shared>(
      options, [&](http::Request request, std::shared_ptr<http::Responder> responder) {
        TAILRACE_CHECK(request.path.starts_with('/') && request.body.size() <= 1000);
        TAILRACE_CHECK(request.headers.size() <= http::fields_max);
        seen += request.method + " " + request.target + "\n" + request.body + "\n";
        for (const auto& [name, value] : request.headers) seen += name + ":" + value + "\n";
        answer(request, responder);
      });
  shared->calls.post = [](const std::function<void()>& call) { call(); };
  {
    http::Http1 session(shared, {"peer", false, {}});
    while (!bytes.empty() && session.ending() == http::Session::Ending::open) {
      session.receive(bytes.substr(0, step));
      bytes.remove_prefix(std::min(step, bytes.size()));
      while (!session.output().empty()) session.wrote();
    }
    session.peer_closed();
    session.abandon();
  }
  TAILRACE_CHECK(shared->held.taken() == 0);
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes{reinterpret_cast<const char*>(data), size};
  auto seen = serve(bytes, size + 1);
  TAILRACE_CHECK(serve(bytes, 1) == seen);
  TAILRACE_CHECK(serve(bytes, 7) == seen);
  return 0;
}
