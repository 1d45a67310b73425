#include "http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <future>
#include <thread>

#include "http/server_fixture.h"

namespace tailrace::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view get = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(ServerTest, AnswersManyRequestsOnOneConnection) {
  serve_echo();
  auto someone = peer();
  for (int i = 0; i < 100; ++i) {
    someone.say("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nb" +
                std::to_string(10 + i % 80));
    auto text = someone.hear_until("POST /a b" + std::to_string(10 + i % 80));
    EXPECT_THAT(text, StartsWith("HTTP/1.1 200 OK\r\n"));
  }
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  serve_echo();
  auto text = answer_to(
      "GET /first HTTP/1.1\r\nHost: x\r\n\r\n"
      "POST /second HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
      "GET /third HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  auto first = text.find("GET /first"), second = text.find("POST /second abc");
  ASSERT_NE(first, std::string::npos);
  ASSERT_NE(second, std::string::npos);
  EXPECT_LT(first, second);
  EXPECT_THAT(text, EndsWith("GET /third "));
}

TEST_F(ServerTest, TheRequestArrivesDecodedAndRaw) {
  std::promise<Request> got;
  serve([&](Request request, std::shared_ptr<Responder> responder) {
    got.set_value(std::move(request));
    responder->send({});
  });
  answer_to("PUT /a%2Fb?k=v%21 HTTP/1.1\r\nHost: x\r\nX-Name: Value\r\nConnection: close\r\n\r\n");
  auto request = got.get_future().get();
  EXPECT_EQ(request.method, "PUT");
  EXPECT_EQ(request.path, "/a/b");
  EXPECT_EQ(request.target, "/a%2Fb?k=v%21");
  EXPECT_EQ(request.query["k"], "v!");
  EXPECT_EQ(request.header("x-name"), "Value");
  EXPECT_EQ(request.header("absent"), "");
  EXPECT_THAT(request.peer, StartsWith("127.0.0.1:"));
}

TEST_F(ServerTest, SmugglingProbesAreRefusedAndNothingAfterThemIsServed) {
  std::atomic<int> served = 0;
  serve([&](Request, std::shared_ptr<Responder> responder) {
    ++served;
    responder->send({});
  });
  const std::string start = "POST / HTTP/1.1\r\nHost: x\r\n";
  const std::string chunked = start + "Transfer-Encoding: chunked\r\n\r\n";
  for (const auto& probe : {
           start + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           start + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
           start + "X: a\r\n b\r\n\r\n",
           start + "Content-Length : 1\r\n\r\na",
           std::string("GET / HTTP/1.1\nHost: x\n\n"),
           std::string("GET / HTTP/1.1\r\nHost: x\n\r\n"),
           std::string("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n"),
           std::string("GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n"),
           std::string("\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"),
           chunked + "1;a=b\r\na\r\n0\r\n\r\n",
           chunked + "1;\n\r\na\r\n0\r\n\r\n",
           chunked + "1\na\r\n0\r\n\r\n",
           chunked + "+1\r\na\r\n0\r\n\r\n",
           chunked + "0x1\r\na\r\n0\r\n\r\n",
           chunked + "-1\r\na\r\n0\r\n\r\n",
           chunked + " 1\r\na\r\n0\r\n\r\n",
           chunked + "1\r\nabc\r\n0\r\n\r\n",
           chunked + "fffffffffffffffff\r\na\r\n0\r\n\r\n",
           chunked + "\r\na\r\n0\r\n\r\n",
       }) {
    auto text = answer_to(probe + std::string(get));
    EXPECT_THAT(text, StartsWith("HTTP/1.1 400 ")) << probe;
    EXPECT_EQ(text.find("HTTP/1.1", 1), std::string::npos) << probe;
  }
  EXPECT_EQ(served, 0);
}

TEST_F(ServerTest, OverlongHeadsAndBodiesAreRefused) {
  serve_echo({.body_bytes_max = 10, .header_bytes_max = 1000});
  EXPECT_THAT(answer_to("GET /" + std::string(2000, 'a')), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(answer_to("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n01234567890"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(answer_to("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "6\r\n012345\r\n6\r\n012345\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
}

TEST_F(ServerTest, AnOversizeBodyMayBeAnsweredByItsOwner) {
  Server::Options options;
  options.body_bytes_max = 1000;
  options.oversize = [](Request request, std::shared_ptr<Responder> responder) {
    responder->send({413, "text/plain", "too large for " + request.path, {}});
  };
  serve_echo(options);
  // Far more than the sockets buffer: the answer still arrives, and no reset eats it.
  auto text = answer_to("POST /here HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n" +
                        std::string(8000000, 'a'));
  EXPECT_THAT(text, StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(text, EndsWith("too large for /here"));
}

TEST_F(ServerTest, AForeignHostIsRefused) {
  serve_echo({.hosts_allowed = {"localhost", "::1"}});
  EXPECT_THAT(answer_to(get), StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(answer_to("GET / HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(answer_to("GET / HTTP/1.1\r\nHost: LOCALHOST:1\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer_to("GET / HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, ContinuesABodyThatIsExpected) {
  serve_echo();
  auto someone = peer();
  someone.say("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(someone.hear_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  someone.say("ab");
  EXPECT_THAT(someone.hear_until("POST / ab"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, OldPeersAndHeadAreServed) {
  serve_echo();
  EXPECT_THAT(answer_to("GET /a HTTP/1.0\r\n\r\n"), EndsWith("\r\n\r\nGET /a "));
  auto text = answer_to("HEAD /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(text, HasSubstr("content-length: 8\r\n"));
  EXPECT_THAT(text, EndsWith("\r\n\r\n"));
}

TEST_F(ServerTest, ASlowSenderIsCut) {
  serve_echo({.request_seconds_max = 1});
  EXPECT_EQ(answer_to("GET / HTT"), "");
  EXPECT_EQ(answer_to("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab"), "");
}

TEST_F(ServerTest, OneConnectionTooManyIsTurnedAway) {
  serve_echo({.connections_max = 1});
  auto first = peer();
  first.say(get);
  first.hear_until("GET /a ");
  EXPECT_THAT(answer_to(get), StartsWith("HTTP/1.1 503 "));
  first.say(get);
  EXPECT_THAT(first.hear_until("GET /a "), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, AnAnswerMayComeLaterFromAnyThread) {
  std::promise<std::shared_ptr<Responder>> asked;
  serve([&](Request, std::shared_ptr<Responder> responder) { asked.set_value(responder); });
  auto someone = peer();
  someone.say(get);
  auto responder = asked.get_future().get();
  responder->send(202, "text/plain", {{"x-id", "a\r\nb: c"}},
                  std::make_shared<std::string>("late"));
  auto text = someone.hear_until("late");
  EXPECT_THAT(text, StartsWith("HTTP/1.1 202 Accepted\r\n"));
  EXPECT_THAT(text, HasSubstr("x-id: a  b: c\r\n"));
}

TEST_F(ServerTest, ADroppedResponderAnswers500) {
  serve([](Request, std::shared_ptr<Responder>) {});
  auto someone = peer();
  someone.say(get);
  EXPECT_THAT(someone.hear_until("}"), StartsWith("HTTP/1.1 500 "));
}

TEST_F(ServerTest, APeerThatLeavesALongPollIsNoticed) {
  std::promise<void> asked, gone;
  // Not the handler's: the responder keeps what the handler belongs to.
  std::shared_ptr<Responder> kept;
  serve([&](Request, std::shared_ptr<Responder> responder) {
    responder->on_gone([&] { gone.set_value(); });
    kept = std::move(responder);
    asked.set_value();
  });
  auto someone = peer();
  someone.say(get);
  asked.get_future().wait();
  someone.leave();
  EXPECT_EQ(gone.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST_F(ServerTest, StreamsChunksInOrderAndEnds) {
  serve([](Request, std::shared_ptr<Responder> responder) {
    responder->start(200, "text/event-stream", {});
    responder->write("one", [responder](bool taken) {
      EXPECT_TRUE(taken);
      responder->write("two", [responder](bool) { responder->end(); });
    });
  });
  auto someone = peer();
  someone.say(get);
  auto text = someone.hear_until("0\r\n\r\n");
  EXPECT_THAT(text, HasSubstr("transfer-encoding: chunked\r\n"));
  EXPECT_THAT(text, EndsWith("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"));
  someone.say("GET /a HTTP/1.0\r\n\r\n");
  EXPECT_THAT(someone.hear_all(), EndsWith("\r\n\r\nonetwo"));
}

// Writes megabytes for ever, each when the last was taken.
void write_on(const std::shared_ptr<Responder>& responder, std::atomic<int>& taken_count,
              std::promise<void>& refused) {
  responder->write(std::string(1 << 20, 'a'), [&, responder](bool taken) {
    if (!taken) return refused.set_value();
    ++taken_count;
    write_on(responder, taken_count, refused);
  });
}

TEST_F(ServerTest, ASlowReaderIsWaitedForNotBuffered) {
  std::atomic<int> taken = 0;
  std::promise<void> refused;
  std::promise<void> gone;
  serve([&](Request, std::shared_ptr<Responder> responder) {
    responder->start(200, "text/plain", {});
    responder->on_gone([&] { gone.set_value(); });
    write_on(responder, taken, refused);
  });
  auto someone = peer();
  someone.say(get);
  someone.hear_until("aaaa");
  auto refusal = refused.get_future();
  // The peer reads no more: only what the kernel buffers may be taken.
  EXPECT_EQ(refusal.wait_for(std::chrono::milliseconds(300)), std::future_status::timeout);
  EXPECT_LT(taken, 64);
  someone.leave();
  EXPECT_EQ(refusal.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_EQ(gone.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST_F(ServerTest, NothingIsCalledAfterDestructionAndLateRespondersAreHarmless) {
  std::promise<std::shared_ptr<Responder>> asked;
  std::atomic<bool> called = false;
  serve([&](Request, std::shared_ptr<Responder> responder) {
    responder->on_gone([&] { called = true; });
    asked.set_value(std::move(responder));
  });
  auto someone = peer();
  someone.say(get);
  auto responder = asked.get_future().get();
  auto port = server_->port();
  server_.reset();
  EXPECT_EQ(someone.hear_all(), "");
  responder->send({});
  responder->write("a", [&](bool) { called = true; });
  responder.reset();
  EXPECT_FALSE(called);
  EXPECT_FALSE(Peer(port).connected());
}

TEST_F(ServerTest, AResponderMayOutliveTheLoop) {
  std::shared_ptr<Responder> kept;
  {
    boost::asio::io_context io;
    std::promise<void> asked;
    auto server = Server::listen(io, {}, [&](Request, std::shared_ptr<Responder> responder) {
      kept = std::move(responder);
      io.stop();
    });
    ASSERT_TRUE(server);
    Peer someone((*server)->port());
    someone.say(get);
    io.run();
    server->reset();
  }
  kept->send({});
}

TEST_F(ServerTest, TrailersAreCheckedAndDropped) {
  serve_echo();
  const std::string start =
      "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_THAT(answer_to(start + "1\r\na\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n"),
              EndsWith("POST /a a"));
  for (const auto& trailer :
       {std::string("X-Sum: 1\n\r\n"), std::string(" folded\r\n\r\n"),
        std::string("no colon\r\n\r\n"), "X-Sum: " + std::string(5000, '1') + "\r\n\r\n"})
    EXPECT_THAT(answer_to(start + "1\r\na\r\n0\r\n" + trailer), StartsWith("HTTP/1.1 400 "))
        << trailer;
}

TEST_F(ServerTest, AnswersSayWhenTheyWereMade) {
  serve_echo();
  auto text = answer_to("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(text,
              testing::ContainsRegex("\r\ndate: [A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} "
                                     "[0-9]{2}:[0-9]{2}:[0-9]{2} GMT\r\n"));
}

TEST_F(ServerTest, WhatComesAheadIsHeldUpNotBuffered) {
  std::promise<std::shared_ptr<Responder>> asked;
  std::atomic<int> served = 0;
  serve([&](Request, std::shared_ptr<Responder> responder) {
    if (served++ == 0) return asked.set_value(std::move(responder));
    responder->send({});
  });
  auto someone = peer();
  someone.say(get);
  auto first = asked.get_future().get();
  // The sockets and our buffer hold some of it; a server that reads on takes any amount.
  std::string many;
  for (int i = 0; i < 10'000; ++i) many += get;
  std::size_t sent = 0, sent_max = 256u << 20;
  for (ssize_t count = 1; count > 0 && sent < sent_max; sent += static_cast<std::size_t>(count)) {
    count = ::send(someone.fd(), many.data(), many.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) break;
  }
  EXPECT_LT(sent, 64u << 20);
  EXPECT_EQ(served, 1);
  first->send({});
  EXPECT_THAT(someone.hear_until("HTTP/1.1 200 OK"), EndsWith("HTTP/1.1 200 OK"));
}

TEST_F(ServerTest, AllBodiesTogetherAreBounded) {
  std::promise<std::shared_ptr<Responder>> asked;
  std::atomic<int> served = 0;
  serve(
      [&](Request, std::shared_ptr<Responder> responder) {
        if (served++ == 0) return asked.set_value(std::move(responder));
        responder->send({});
      },
      {.held_bytes_max = 1000});
  const std::string large =
      "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 600\r\n\r\n" +
      std::string(600, 'a');
  auto someone = peer();
  someone.say(large);
  auto first = asked.get_future().get();
  EXPECT_THAT(answer_to(large), StartsWith("HTTP/1.1 503 "));
  first->send({});
  someone.hear_all();
  EXPECT_THAT(answer_to(large), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, AChunkThatFindsNoRoomCutsItsAnswer) {
  std::promise<bool> told;
  serve(
      [&](Request, std::shared_ptr<Responder> responder) {
        responder->start(200, "text/plain", {});
        responder->write(std::string(2000, 'a'), [&](bool taken) { told.set_value(taken); });
      },
      {.held_bytes_max = 1000});
  EXPECT_THAT(answer_to(get), EndsWith("\r\n\r\n"));
  EXPECT_FALSE(told.get_future().get());
}

TEST_F(ServerTest, WhatWaitsBehindAHeadThatEndsLateIsServed) {
  std::promise<std::shared_ptr<Responder>> asked;
  serve([&](Request request, std::shared_ptr<Responder> responder) {
    if (request.method != "HEAD") return responder->send({200, "text/plain", "second", {}});
    responder->start(200, "text/plain", {});
    asked.set_value(std::move(responder));
  });
  auto someone = peer();
  someone.say("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" + std::string(get));
  auto responder = asked.get_future().get();
  EXPECT_THAT(someone.hear_until("\r\n\r\n"), HasSubstr("200 OK"));
  responder->end();
  EXPECT_THAT(someone.hear_until("second"), EndsWith("second"));
}

TEST_F(ServerTest, AnAnswerThatNobodyReadsIsCut) {
  std::promise<void> gone;
  serve(
      [&](Request, std::shared_ptr<Responder> responder) {
        responder->start(200, "text/plain", {});
        responder->write(std::string(64 << 20, 'a'), [&](bool taken) {
          EXPECT_FALSE(taken);
          gone.set_value();
        });
      },
      {.idle_seconds_max = 1});
  auto someone = peer();
  someone.say(get);
  EXPECT_EQ(gone.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST_F(ServerTest, DrainsByAnsweringWhatIsUnderWay) {
  std::promise<std::shared_ptr<Responder>> asked;
  serve([&](Request, std::shared_ptr<Responder> responder) {
    asked.set_value(std::move(responder));
  });
  auto idle = peer();
  auto busy = peer();
  busy.say(get);
  auto responder = asked.get_future().get();
  server_->drain();
  EXPECT_EQ(idle.hear_all(), "");
  EXPECT_FALSE(Peer(server_->port()).connected());
  EXPECT_FALSE(server_->wait_until_drained(std::chrono::milliseconds(0)));
  responder->send({200, "text/plain", "whole", {}});
  EXPECT_TRUE(server_->wait_until_drained(std::chrono::seconds(20)));
  EXPECT_THAT(busy.hear_all(), EndsWith("whole"));
}

TEST_F(ServerTest, ATakenPortIsNamed) {
  serve_echo();
  Server::Options options;
  options.port = server_->port();
  auto second = Server::listen(io_, options, [](Request, std::shared_ptr<Responder>) {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().fault, Fault::conflict);
  EXPECT_THAT(second.error().message, HasSubstr("127.0.0.1:" + std::to_string(options.port)));
}

}  // namespace
}  // namespace tailrace::http
