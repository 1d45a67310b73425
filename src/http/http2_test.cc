#include "http/http2.h"

#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <mutex>

#include "http/http2_client.h"

namespace tailrace::http {
namespace {

using testing::HasSubstr;

// What a peer says that speaks frames by hand.
std::string frame(int type, int flags, std::uint32_t stream, std::string_view payload) {
  std::string bytes;
  for (int shift : {16, 8, 0}) bytes += static_cast<char>(payload.size() >> shift);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  for (int shift : {24, 16, 8, 0}) bytes += static_cast<char>(stream >> shift);
  return bytes.append(payload);
}

const std::string hello = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(NGHTTP2_SETTINGS, 0, 0, "");
// GET / of http://x, by HPACK's static table.
const std::string get_head = std::string("\x82\x86\x84\x41\x01", 5) + "x";

class Http2Test : public ServerTest {
 protected:
  void serve_sizes(Server::Options options = {}) {
    serve(
        [](Request request, std::shared_ptr<Responder> responder) {
          responder->send({200, "text/plain", std::to_string(request.body.size()), {}});
        },
        std::move(options));
  }

  // Keeps every responder, for the test to answer.
  void serve_later(Server::Options options = {}) {
    serve(
        [this](Request, std::shared_ptr<Responder> responder) {
          std::lock_guard lock(mutex_);
          kept_.push_back(std::move(responder));
          came_.notify_all();
        },
        std::move(options));
  }

  std::vector<std::shared_ptr<Responder>> take_kept(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(
        came_.wait_for(lock, std::chrono::seconds(20), [&] { return kept_.size() >= count; }));
    return std::exchange(kept_, {});
  }

  Http2Client client() { return Http2Client(server_->port()); }

  void TearDown() override {
    ServerTest::TearDown();
    kept_.clear();
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<std::shared_ptr<Responder>> kept_;
};

TEST_F(Http2Test, TheRequestArrivesWithItsAuthorityAndVerbatimFields) {
  std::promise<Request> got;
  serve([&](Request request, std::shared_ptr<Responder> responder) {
    got.set_value(std::move(request));
    responder->send({200, "text/plain", "hello", {{"X-Id", "1\r\n2"}, {"Connection", "close"}}});
  });
  auto someone = client();
  auto id = someone.request({{"content-length", "3"}, {"x-name", "Value"}}, "abc", "PUT",
                            "/a%2Fb?k=v%21");
  const auto& answer = someone.answer(id);
  EXPECT_EQ(answer.status, "200");
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(answer.headers.at("content-length"), "5");
  EXPECT_EQ(answer.headers.at("x-id"), "1  2");
  EXPECT_TRUE(answer.headers.count("date"));
  EXPECT_FALSE(answer.headers.count("connection"));
  auto request = got.get_future().get();
  EXPECT_EQ(request.method, "PUT");
  EXPECT_EQ(request.path, "/a/b");
  EXPECT_EQ(request.target, "/a%2Fb?k=v%21");
  EXPECT_EQ(request.query["k"], "v!");
  EXPECT_EQ(request.authority, "localhost:1");
  EXPECT_EQ(request.version, 20);
  EXPECT_FALSE(request.secure);
  EXPECT_EQ(request.body, "abc");
  EXPECT_EQ(request.headers, (Headers{{"content-length", "3"}, {"x-name", "Value"}}));
}

TEST_F(Http2Test, LargeBodiesArriveWholeEvenManyAtOnce) {
  serve_sizes({.body_bytes_max = 4u << 20});
  auto someone = client();
  std::vector<std::int32_t> ids;
  // Together far more than a connection has room for at once; some without a length.
  for (int i = 0; i < 12; ++i)
    ids.push_back(someone.request(
        i % 2 ? Http2Client::Fields{{"content-length", "3000000"}} : Http2Client::Fields{},
        std::string(3'000'000, 'a')));
  for (auto id : ids) EXPECT_EQ(someone.answer(id).body, "3000000");
}

TEST_F(Http2Test, ThousandsOfStreamsWaitOnOneConnection) {
  serve_later();
  auto someone = client();
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 2000; ++i) ids.push_back(someone.request());
  auto kept = take_kept(2000);
  for (const auto& responder : kept) responder->send({200, "text/plain", "x", {}});
  for (auto id : ids) ASSERT_EQ(someone.answer(id).body, "x");
}

TEST_F(Http2Test, AStreamedAnswerWaitsForThePeersWindow) {
  std::atomic<int> taken = 0;
  std::promise<void> second;
  serve([&](Request, std::shared_ptr<Responder> responder) {
    responder->start(200, "text/plain", {{"x-id", "1"}});
    responder->write(std::string(60'000, 'a'), [&, responder](bool ok) {
      taken += ok;
      responder->write(std::string(60'000, 'b'), [&, responder](bool again) {
        taken += again;
        second.set_value();
        responder->end();
      });
    });
  });
  Http2Client someone(server_->port(), {.opens_windows = false});
  auto id = someone.request();
  auto& answer = someone.answers[id];
  ASSERT_TRUE(someone.until([&] { return answer.body.size() == 65535; }));
  EXPECT_EQ(taken, 1);
  EXPECT_EQ(answer.headers["x-id"], "1");
  someone.consume(id, 65535);
  ASSERT_TRUE(someone.until([&] { return answer.closed; }));
  second.get_future().wait();
  EXPECT_EQ(taken, 2);
  EXPECT_EQ(answer.body, std::string(60'000, 'a') + std::string(60'000, 'b'));
}

TEST_F(Http2Test, PingsAreAnswered) {
  serve_sizes();
  auto someone = client();
  for (int i = 0; i < 3; ++i) someone.ping();
  EXPECT_TRUE(someone.until([&] { return someone.pongs == 3; }));
}

TEST_F(Http2Test, OversizeBodiesAreAnsweredAndTheConnectionGoesOn) {
  serve_sizes({.body_bytes_max = 100'000});
  auto someone = client();
  auto promised = someone.request({{"content-length", "200000"}}, std::string(200'000, 'a'));
  EXPECT_EQ(someone.answer(promised).status, "413");
  auto silent = someone.request({}, std::string(200'000, 'a'));
  EXPECT_EQ(someone.answer(silent).status, "413");
  EXPECT_EQ(someone.answer(someone.request({}, "abc")).body, "3");
}

TEST_F(Http2Test, AnOversizeBodyMayBeAnsweredByItsOwner) {
  Server::Options options;
  options.body_bytes_max = 10;
  options.oversize = [](Request request, std::shared_ptr<Responder> responder) {
    responder->send({413, "text/plain", "too large for " + request.path, {}});
  };
  serve_sizes(options);
  auto someone = client();
  EXPECT_EQ(someone.answer(someone.request({}, "01234567890")).body, "too large for /a");
}

TEST_F(Http2Test, ContinuesABodyThatIsExpected) {
  serve_sizes();
  auto someone = client();
  auto id = someone.request({{"expect", "100-continue"}}, "abc");
  EXPECT_EQ(someone.answer(id).status, "100 200");
}

TEST_F(Http2Test, BadRequestsAreRefusedOneByOne) {
  serve_sizes({.header_bytes_max = 2000, .hosts_allowed = {"localhost"}});
  auto someone = client();
  auto status = [&](Http2Client::Fields fields) {
    return someone.answer(someone.submit(fields, {})).status;
  };
  EXPECT_EQ(status({{":method", "GET"},
                    {":path", "/"},
                    {":scheme", "http"},
                    {":authority", "evil.example"}}),
            "403");
  EXPECT_EQ(status({{":method", "GET"},
                    {":path", "/"},
                    {":scheme", "http"},
                    {":authority", "localhost"},
                    {"host", "other"}}),
            "400");
  EXPECT_EQ(
      status({{":method", "GET"}, {":path", "/"}, {":scheme", "http"}, {"host", "localhost"}}),
      "200");
  EXPECT_EQ(someone.answer(someone.request({}, {}, "TRACE")).status, "400");
  EXPECT_EQ(someone.answer(someone.request({}, {}, "GET", "/%zz")).status, "400");
  EXPECT_EQ(someone.answer(someone.request({{"expect", "magic"}}, "a")).status, "417");
  EXPECT_EQ(someone.answer(someone.request({{"x-long", std::string(3000, 'a')}})).status, "431");
  // Malformed for HTTP/2 itself: reset, not answered.
  EXPECT_EQ(someone.answer(someone.request({{"connection", "close"}})).error,
            std::uint32_t{NGHTTP2_PROTOCOL_ERROR});
  EXPECT_EQ(someone.answer(someone.request({{"content-length", "9"}}, "abc")).error,
            std::uint32_t{NGHTTP2_PROTOCOL_ERROR});
  EXPECT_EQ(someone.answer(someone.request()).status, "200");
}

TEST_F(Http2Test, AllRequestsTogetherAreBounded) {
  serve_later({.held_bytes_max = 50'000});
  auto someone = client();
  auto first = someone.request({}, std::string(30'000, 'a'));
  auto kept = take_kept(1);
  EXPECT_EQ(someone.answer(someone.request({}, std::string(30'000, 'a'))).status, "503");
  kept[0]->send({200, "text/plain", "done", {}});
  EXPECT_EQ(someone.answer(first).body, "done");
}

TEST_F(Http2Test, AResetIsHeardByWhoAnswers) {
  std::promise<void> asked, gone;
  std::shared_ptr<Responder> kept;
  serve([&](Request, std::shared_ptr<Responder> responder) {
    responder->on_gone([&] { gone.set_value(); });
    kept = std::move(responder);
    asked.set_value();
  });
  auto someone = client();
  auto id = someone.request();
  asked.get_future().wait();
  someone.reset(id);
  EXPECT_EQ(gone.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
  kept->send({});
}

TEST_F(Http2Test, ADroppedResponderAnswers500OrResets) {
  serve([](Request request, std::shared_ptr<Responder> responder) {
    if (request.path == "/started") responder->start(200, "text/plain", {});
  });
  auto someone = client();
  EXPECT_EQ(someone.answer(someone.request()).status, "500");
  EXPECT_EQ(someone.answer(someone.request({}, {}, "GET", "/started")).error,
            std::uint32_t{NGHTTP2_INTERNAL_ERROR});
}

TEST_F(Http2Test, SlowSendersAndStuckReadersLoseTheirStream) {
  serve(
      [](Request, std::shared_ptr<Responder> responder) {
        responder->send({200, "text/plain", std::string(100'000, 'a'), {}});
      },
      {.request_seconds_max = 1, .idle_seconds_max = 1});
  Http2Client stuck(server_->port(), {.opens_windows = false});
  EXPECT_EQ(stuck.answer(stuck.request()).error, std::uint32_t{NGHTTP2_CANCEL});
  auto slow = peer();
  // HEADERS of a POST without its end, and then nothing.
  slow.say(hello + frame(NGHTTP2_HEADERS, 4, 1, std::string("\x83\x86\x84\x41\x01x", 6)));
  EXPECT_THAT(slow.hear_all(),
              HasSubstr(frame(NGHTTP2_RST_STREAM, 0, 1, std::string("\0\0\0\x08", 4))));
}

TEST_F(Http2Test, DrainsWithGoawayAndEndsAfterTheLastAnswer) {
  serve_later();
  auto someone = client();
  auto id = someone.request();
  auto kept = take_kept(1);
  server_->drain();
  EXPECT_TRUE(someone.until([&] { return someone.goaway; }));
  EXPECT_EQ(someone.goaway_error, std::uint32_t{NGHTTP2_NO_ERROR});
  kept[0]->send({200, "text/plain", "last", {}});
  EXPECT_EQ(someone.answer(id).body, "last");
  EXPECT_FALSE(someone.until([] { return false; }));
}

TEST_F(Http2Test, DestructionSaysGoodbye) {
  serve_later();
  auto someone = client();
  someone.request();
  take_kept(1);
  server_.reset();
  EXPECT_FALSE(someone.until([] { return false; }));
  EXPECT_TRUE(someone.goaway);
}

class FloodTest : public Http2Test {
 protected:
  // Sends the same kind of thing up to a million times; says how the server ended it.
  void expect_cut(const std::string& first, const std::function<std::string(std::uint32_t)>& next) {
    auto someone = peer();
    someone.say(hello + first);
    std::string heard;
    std::thread reader([&] { heard = someone.hear_all(); });
    bool cut = false;
    for (std::uint32_t i = 0; i < 1'000'000 && !cut; i += 100) {
      std::string bytes;
      for (std::uint32_t j = 0; j < 100; ++j) bytes += next(i + j);
      for (std::string_view rest = bytes; !rest.empty() && !cut;) {
        auto count = ::send(someone.fd(), rest.data(), rest.size(), MSG_NOSIGNAL);
        cut = count < 0;
        if (!cut) rest.remove_prefix(static_cast<std::size_t>(count));
      }
    }
    ::shutdown(someone.fd(), SHUT_RDWR);
    reader.join();
    EXPECT_TRUE(cut);
    // The server lives.
    auto other = client();
    EXPECT_EQ(other.answer(other.request()).status, "200");
  }
};

TEST_F(FloodTest, RapidResetsAreCut) {
  serve_sizes();
  expect_cut("", [](std::uint32_t i) {
    return frame(NGHTTP2_HEADERS, 4, 2 * i + 1, get_head) +
           frame(NGHTTP2_RST_STREAM, 0, 2 * i + 1, std::string("\0\0\0\x08", 4));
  });
}

TEST_F(FloodTest, PingsAreCut) {
  serve_sizes();
  expect_cut("", [](std::uint32_t) { return frame(NGHTTP2_PING, 0, 0, "01234567"); });
}

TEST_F(FloodTest, SettingsAreCut) {
  serve_sizes();
  expect_cut("", [](std::uint32_t) {
    return frame(NGHTTP2_SETTINGS, 0, 0, std::string("\0\x04\0\0\0\x01", 6));
  });
}

TEST_F(FloodTest, EmptyDataIsCut) {
  serve_sizes();
  expect_cut(frame(NGHTTP2_HEADERS, 4, 1, get_head),
             [](std::uint32_t) { return frame(NGHTTP2_DATA, 0, 1, ""); });
}

TEST_F(FloodTest, WindowsOpenedByteByByteAreCut) {
  serve_sizes();
  expect_cut("", [](std::uint32_t) {
    return frame(NGHTTP2_WINDOW_UPDATE, 0, 0, std::string("\0\0\0\x01", 4));
  });
}

TEST_F(FloodTest, ContinuationsWithoutEndAreCut) {
  serve_sizes();
  expect_cut(frame(NGHTTP2_HEADERS, 1, 1, get_head), [](std::uint32_t) {
    return frame(NGHTTP2_CONTINUATION, 0, 1, std::string("\x40\x01", 2) + "a" + "\x01" + "b");
  });
}

TEST_F(FloodTest, HeadersThatUnpackWithoutEndAreCut) {
  serve_sizes();
  // One field of 4,000 bytes goes into the table; then each byte of a frame repeats it.
  auto field =
      std::string("\x40\x01", 2) + "a" + std::string("\x7f\xa1\x1e", 3) + std::string(4000, 'b');
  expect_cut("", [&](std::uint32_t i) {
    return frame(NGHTTP2_HEADERS, 5, 2 * i + 1,
                 get_head + (i == 0 ? field : "") + std::string(8000, '\xbe'));
  });
}

}  // namespace
}  // namespace tailrace::http
