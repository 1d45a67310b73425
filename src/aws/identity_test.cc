#include "aws/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tailrace::aws {
namespace {

using ::testing::HasSubstr;

const std::string orders = "arn:aws:kinesis:us-east-1:000000000000:stream/orders";

std::string problem(const std::vector<KeySpec>& specs) {
  auto made = Keys::make(specs, "000000000000");
  EXPECT_FALSE(made.has_value());
  return made ? "" : made.error().message;
}

TEST(KeysTest, AKeyWithoutPolicyMayDoEverything) {
  auto keys = Keys::make({{.id = "AKID", .secret = "s"}}, "000000000000");
  ASSERT_TRUE(keys.has_value());
  EXPECT_EQ(keys->find("AKID")->identity.refuse("kinesis:DeleteStream", orders), std::nullopt);
  EXPECT_EQ(keys->find("akid"), nullptr);
  EXPECT_EQ(keys->find(""), nullptr);
}

TEST(KeysTest, ARefusalNamesUserActionResourceAndReason) {
  auto keys =
      Keys::make({{.id = "AKID",
                   .secret = "s",
                   .policy =
                       R"({"Statement":[{"Effect":"Allow","Action":"kinesis:Get*","Resource":"*"},
                {"Effect":"Deny","Action":"kinesis:DeleteStream","Resource":"*"}]})"}},
                 "123456789012");
  ASSERT_TRUE(keys.has_value());
  const auto& identity = keys->find("AKID")->identity;
  EXPECT_EQ(identity.refuse("kinesis:GetRecords", orders), std::nullopt);
  EXPECT_EQ(identity.refuse("kinesis:PutRecord", orders),
            (Failure{"AccessDeniedException",
                     "User: arn:aws:iam::123456789012:user/AKID is not authorized to perform: "
                     "kinesis:PutRecord on resource: " +
                         orders +
                         " because no identity-based policy allows the kinesis:PutRecord action"}));
  EXPECT_EQ(identity.refuse("kinesis:ListStreams", "*")->message,
            "User: arn:aws:iam::123456789012:user/AKID is not authorized to perform: "
            "kinesis:ListStreams because no identity-based policy allows the kinesis:ListStreams "
            "action");
  EXPECT_THAT(identity.refuse("kinesis:DeleteStream", orders)->message,
              HasSubstr("with an explicit deny in an identity-based policy"));
}

TEST(KeysTest, WrongKeysAreRefusedByName) {
  EXPECT_THAT(problem({{.id = "a/b", .secret = "s"}}), HasSubstr("a/b"));
  EXPECT_THAT(problem({{.id = "", .secret = "s"}}), HasSubstr("3 to 128"));
  EXPECT_THAT(problem({{.id = "AKID", .secret = ""}}), HasSubstr("secret is empty"));
  EXPECT_THAT(problem({{.id = "AKID", .secret = "s"}, {.id = "AKID", .secret = "t"}}),
              HasSubstr("twice"));
  EXPECT_THAT(problem({{.id = "AKID", .secret = "s", .policy = "{}"}}),
              HasSubstr("access key \"AKID\": policy: the policy has no Statement"));
}

}  // namespace
}  // namespace tailrace::aws
