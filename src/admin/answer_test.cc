#include "admin/answer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tailrace::admin {
namespace {

TEST(Answer, EachFaultHasTheStatusOfTheDocumentation) {
  EXPECT_EQ(status_of(Fault::invalid), 400);
  EXPECT_EQ(status_of(Fault::denied), 403);
  EXPECT_EQ(status_of(Fault::not_found), 404);
  EXPECT_EQ(status_of(Fault::conflict), 409);
  EXPECT_EQ(status_of(Fault::gap), 409);
  EXPECT_EQ(status_of(Fault::internal), 500);
  EXPECT_EQ(status_of(Fault::corrupt), 500);
  EXPECT_EQ(status_of(Fault::unavailable), 503);
  EXPECT_EQ(status_of(Fault::full), 503);
  EXPECT_EQ(status_of(Fault::fenced), 503);
  EXPECT_EQ(status_of(Fault::timeout), 504);
}

TEST(Answer, AnErrorWhoseTextIsNotUtf8IsStillJson) {
  auto response = response_of({Fault::conflict, "slot \"caf\xe9\""});
  EXPECT_EQ(response.body,
            "{\"error\":{\"fault\":\"conflict\",\"message\":\"slot \\\"caf\xef\xbf\xbd\\\"\"}}");
}

TEST(Query, NumbersAreReadWholeAndHeldToTheirMaximum) {
  http::Request request;
  request.query = {{"a", "17"}, {"b", "18"}, {"c", "1x"}, {"d", "-1"}, {"e", ""}};
  EXPECT_EQ(*number_in(request, "a", 5, 17), 17u);
  EXPECT_EQ(*number_in(request, "none", 5, 17), 5u);
  for (const char* key : {"b", "c", "d", "e"}) {
    auto number = number_in(request, key, 5, 17);
    ASSERT_FALSE(number) << key;
    EXPECT_EQ(number.error().fault, Fault::invalid);
  }
}

TEST(Query, AFlagIsTrueFalseOrBare) {
  http::Request request;
  request.query = {{"a", "true"}, {"b", "false"}, {"c", ""}, {"d", "1"}};
  EXPECT_TRUE(*flag_in(request, "a"));
  EXPECT_FALSE(*flag_in(request, "b"));
  EXPECT_TRUE(*flag_in(request, "c"));
  EXPECT_FALSE(*flag_in(request, "none"));
  EXPECT_FALSE(flag_in(request, "d"));
}

}  // namespace
}  // namespace tailrace::admin
