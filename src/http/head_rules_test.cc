#include "http/head_rules.h"

#include <gtest/gtest.h>

namespace tailrace::http {
namespace {

std::string head(std::string_view fields, std::string_view request_line = "GET / HTTP/1.1") {
  return std::string(request_line) + "\r\n" + std::string(fields) + "\r\n";
}

int status_of(const std::string& text) {
  auto read = read_head(text);
  auto* refusal = std::get_if<Refusal>(&read);
  return refusal ? refusal->status : 200;
}

TEST(HeadRulesTest, OrdinaryHeadsPass) {
  EXPECT_EQ(status_of(head("Host: a:1\r\nX-Empty:\r\nX: a\tb \r\n")), 200);
  EXPECT_EQ(status_of(head("Host: a\r\nContent-Length: 0\r\n", "POST /a?b=c HTTP/1.1")), 200);
  EXPECT_EQ(status_of(head("Host: a\r\nTransfer-Encoding: Chunked\r\n")), 200);
  EXPECT_EQ(status_of(head("", "GET / HTTP/1.0")), 200);
}

TEST(HeadRulesTest, AmbiguousFramingIsRefused) {
  for (std::string_view fields :
       {"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nContent-Length: 3\r\n", "Content-Length: 3, 3\r\n",
        "Content-Length: +3\r\n", "Content-Length: 0x3\r\n", "Content-Length: -1\r\n",
        "Content-Length: 3 3\r\n", "Content-Length:\r\n", "Content-Length: 9999999999999999999\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: \"chunked\"\r\n"})
    EXPECT_EQ(status_of(head("Host: a\r\n" + std::string(fields))), 400) << fields;
  EXPECT_EQ(status_of(head("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0")), 400);
}

TEST(HeadRulesTest, MalformedFieldsAreRefused) {
  for (std::string_view fields :
       {"X : 1\r\n", " X: 1\r\n", "X: 1\r\n folded\r\n", "X: 1\r\n\tfolded\r\n", ": 1\r\n",
        "no colon\r\n", "X\t: 1\r\n", "X(: 1\r\n", "X: a\rb\r\n", "X: a\x01\r\n", "X: a\x7f\r\n",
        "Host: b\r\n", "\xc3\xa4: 1\r\n"})
    EXPECT_EQ(status_of(head("Host: a\r\n" + std::string(fields))), 400) << fields;
  EXPECT_EQ(status_of(head(std::string("Host: a\r\nX: a\0b\r\n", 18))), 400);
  EXPECT_EQ(status_of(head("Host: a/b\r\n")), 400);
  EXPECT_EQ(status_of(head("X: 1\r\n")), 400) << "HTTP/1.1 without Host";
  EXPECT_EQ(status_of(head("Host: a\r\nExpect: magic\r\n")), 417);
}

TEST(HeadRulesTest, OtherRequestLinesAreRefused) {
  for (std::string_view line :
       {"CONNECT a:443 HTTP/1.1", "GET http://a/ HTTP/1.1", "GET * HTTP/1.1", "TRACE / HTTP/1.1",
        "get / HTTP/1.1", "GET  / HTTP/1.1", "GET /a b HTTP/1.1", "GET / HTTP/1.2",
        "GET / HTTP/2.0", "GET / http/1.1", "GET /", "GET /\x01 HTTP/1.1", "GET /#a HTTP/1.1", "",
        "GET /\xc3\xa4 HTTP/1.1", " GET / HTTP/1.1"})
    EXPECT_EQ(status_of(head("Host: a\r\n", line)), 400) << line;
}

TEST(HeadRulesTest, TooManyFieldsAreRefused) {
  std::string fields = "Host: a\r\n";
  for (int i = 0; i < 101; ++i) fields += "X: 1\r\n";
  EXPECT_EQ(status_of(head(fields)), 431);
}

TEST(HeadRulesTest, HeadEndsAtItsEmptyLine) {
  EXPECT_EQ(head_length("GET / HTTP/1.1\r\n\r\nrest"), 18u);
  EXPECT_EQ(head_length("GET / HTTP/1.1\r\nHost: a\r\n"), 0u);
  EXPECT_EQ(head_length("GET / HTTP/1.1\n"), std::string_view::npos);
  EXPECT_EQ(head_length("GET / HTTP/1.1\r\n\n"), std::string_view::npos);
  EXPECT_EQ(head_length("\n"), std::string_view::npos);
}

TEST(HeadRulesTest, TargetsAreDecoded) {
  auto target = parse_target("/a%20b+c?x=1&y=%C3%A4+z&x=2&flag&=");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/a b+c");
  EXPECT_EQ(target->query, (std::map<std::string, std::string>{
                               {"x", "2"}, {"y", "\xc3\xa4 z"}, {"flag", ""}, {"", ""}}));
  for (std::string_view bad : {"/%", "/%1", "/%zz", "/%00", "/?a=%00", "/?%g1"})
    EXPECT_FALSE(parse_target(bad)) << bad;
}

TEST(HeadRulesTest, HostsAreComparedWithoutPortAndCase) {
  std::vector<std::string> allowed = {"localhost", "127.0.0.1", "::1"};
  for (std::string_view good : {"localhost", "LocalHost:80", "127.0.0.1:65535", "[::1]", "[::1]:1"})
    EXPECT_TRUE(host_allowed(good, allowed)) << good;
  for (std::string_view bad : {"", "evil.example", "localhost.evil.example", "localhost:", "[::1",
                               "localhost:80:80", "[::1]x", "::1", "localhost:x", "127.0.0.11"})
    EXPECT_FALSE(host_allowed(bad, allowed)) << bad;
}

}  // namespace
}  // namespace tailrace::http
