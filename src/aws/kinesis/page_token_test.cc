#include "aws/kinesis/page_token.h"

#include <gtest/gtest.h>

#include "base/base64.h"

namespace tailrace::aws::kinesis {
namespace {

const PageToken token{.list = "ListShards",
                      .stream = "orders",
                      .incarnation = 18446744073709551615u,
                      .after = "shardId-000000000007",
                      .filter = "AT_TIMESTAMP:1700000000000",
                      .issued_ms = 1700000000000};

TEST(PageToken, IsReadBackAsItWasWritten) { EXPECT_EQ(parse_page_token(to_text(token)), token); }

TEST(PageToken, OtherTextIsNone) {
  for (const std::string& text :
       {std::string(), std::string("!"), base64(""), base64("a|b|1|c|d"), base64("a|b|1|c|d|2|e"),
        base64("a|b|x|c|d|2"), base64("a|b|1|c|d|2x"), base64("a|b|1|c|d|")})
    EXPECT_FALSE(parse_page_token(text).has_value()) << text;
}

TEST(PageToken, IsGoodForItsListAndForFiveMinutes) {
  auto type = [](std::string_view list, std::int64_t now_ms) {
    auto accepted = accept_page_token(to_text(token), list, now_ms);
    return std::holds_alternative<Failure>(accepted) ? std::get<Failure>(accepted).type : "";
  };
  EXPECT_EQ(type("ListShards", token.issued_ms + 300'000), "");
  EXPECT_EQ(type("ListShards", token.issued_ms + 300'001), "ExpiredNextTokenException");
  EXPECT_EQ(type("ListStreams", token.issued_ms), "InvalidArgumentException");
}

}  // namespace
}  // namespace tailrace::aws::kinesis
