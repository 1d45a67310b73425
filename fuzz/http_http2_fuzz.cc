// Arbitrary bytes as the frames that an HTTP/2 peer sends after its preface. What is done with them
// stays inside the limits, and nothing is held when the connection is gone.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "http/http2.h"

namespace {

using namespace tailrace;  // NOLINT: the whole file is about one part of it

// The client's preface and its first frame, empty SETTINGS.
const std::string hello =
    std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + std::string("\0\0\0\x04\0\0\0\0\0", 9);

class Served {
 public:
  explicit Served(bool late) : late_(late) {}

  void handle(const http::Request& request, std::shared_ptr<http::Responder> responder) {
    TAILRACE_CHECK(request.path.starts_with('/') && request.body.size() <= body_bytes_max);
    TAILRACE_CHECK(!request.authority.empty() && request.headers.size() <= http::fields_max);
    for (const auto& [name, value] : request.headers) TAILRACE_CHECK(!name.starts_with(':'));
    responder->on_gone([this] { ++gone_; });
    if (late_)
      kept_.push_back(std::move(responder));
    else
      answer(responder, request.target.size());
  }

  // From what would be another thread's turn.
  std::size_t answer_kept() {
    auto kept = std::exchange(kept_, {});
    for (std::size_t i = 0; i < kept.size(); ++i) answer(kept[i], i);
    return kept.size();
  }

  static constexpr std::size_t body_bytes_max = 100'000;

 private:
  static void answer(const std::shared_ptr<http::Responder>& responder, std::size_t how) {
    switch (how % 3) {
      case 0:
        return responder->send({200, "text/plain", std::string(how * 1000, 'a'), {}});
      case 1:
        responder->start(200, "text/plain", {});
        return responder->write(std::string(70'000, 'b'), [responder](bool) { responder->end(); });
      default:
        return;
    }
  }

  const bool late_;
  std::vector<std::shared_ptr<http::Responder>> kept_;
  std::size_t gone_ = 0;
};

class Woken final : public http::Wakeable {
 public:
  void wake(std::uint32_t stream) override { streams.push_back(stream); }
  std::vector<std::uint32_t> streams;
};

void write_out(http::Http2& session, Woken& woken) {
  for (bool more = true; more;) {
    more = !woken.streams.empty();
    for (auto stream : std::exchange(woken.streams, {})) session.wake(stream);
    for (auto output = session.output(); !output.empty(); output = session.output()) {
      session.wrote();
      more = true;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::size_t step = 1 + (data[0] >> 1);
  std::string bytes = hello;
  bytes.append(reinterpret_cast<const char*>(data) + 1, size - 1);

  http::Server::Options options;
  options.body_bytes_max = Served::body_bytes_max;
  options.header_bytes_max = 2000;
  options.held_bytes_max = 500'000;
  options.streams_max = 10;
  Served served(data[0] & 1);
  auto shared = std::make_shared<http::Shared>(
      options, [&](http::Request request, std::shared_ptr<http::Responder> responder) {
        served.handle(request, std::move(responder));
      });
  shared->calls.post = [](const std::function<void()>& call) { call(); };
  auto woken = std::make_shared<Woken>();
  {
    http::Http2 session(shared, {"peer", false, woken});
    for (std::string_view rest = bytes;
         !rest.empty() && session.ending() == http::Session::Ending::open;) {
      session.receive(rest.substr(0, step));
      rest.remove_prefix(std::min(step, rest.size()));
      write_out(session, *woken);
      TAILRACE_CHECK(shared->held.taken() <= options.held_bytes_max);
    }
    served.answer_kept();
    write_out(session, *woken);
    session.expire(std::chrono::steady_clock::now() + std::chrono::hours(24));
    session.abandon();
  }
  TAILRACE_CHECK(shared->held.taken() == 0);
  return 0;
}
