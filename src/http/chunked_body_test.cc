#include "http/chunked_body.h"

#include <gtest/gtest.h>

namespace tailrace::http {
namespace {

using State = ChunkedBody::State;

struct Decoded {
  State state = State::more;
  std::string body;
  std::string rest;
};

Decoded decode(std::string_view bytes, std::size_t step_bytes) {
  ChunkedBody chunked;
  Decoded decoded;
  while (decoded.state == State::more && !bytes.empty()) {
    auto step = chunked.decode(bytes.substr(0, step_bytes));
    decoded.body += step.data;
    decoded.state = step.state;
    bytes.remove_prefix(step.used);
  }
  decoded.rest = bytes;
  return decoded;
}

TEST(ChunkedBodyTest, IsTheSameHoweverItArrives) {
  for (std::size_t step = 1; step < 60; ++step) {
    auto decoded = decode("5\r\nhello\r\n00006\r\n world\r\n0\r\nX: 1\r\n\r\nGET /", step);
    EXPECT_EQ(decoded.state, State::done);
    EXPECT_EQ(decoded.body, "hello world");
    EXPECT_EQ(decoded.rest, "GET /");
  }
}

TEST(ChunkedBodyTest, NothingIsMended) {
  for (std::string_view bytes : {"1;\r\n",
                                 "1;a=b\r\n",
                                 "1 \r\n",
                                 " 1\r\n",
                                 "1\n",
                                 "1\r\r",
                                 "+1\r\n",
                                 "-1\r\n",
                                 "0x1\r\n",
                                 "\r\n",
                                 "g\r\n",
                                 "1\r\nab",
                                 "1\r\na\n",
                                 "1\r\na\r\r",
                                 "0\r\n\n",
                                 "0\r\nX: 1\n",
                                 "0\r\n X: 1\r\n",
                                 "0\r\nX : 1\r\n",
                                 "0000000000000001\r\n",
                                 "ffffffffffffffff\r\n"})
    for (std::size_t step : {1, 100}) EXPECT_EQ(decode(bytes, step).state, State::bad) << bytes;
}

TEST(ChunkedBodyTest, TrailersWithoutEndAreRefused) {
  EXPECT_EQ(decode("0\r\nX: " + std::string(5000, 'a'), 100).state, State::bad);
  std::string many = "0\r\n";
  for (int i = 0; i < 1000; ++i) many += "X: 1\r\n";
  EXPECT_EQ(decode(many, 1000).state, State::bad);
}

}  // namespace
}  // namespace tailrace::http
