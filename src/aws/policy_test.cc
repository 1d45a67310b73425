#include "aws/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tailrace::aws {
namespace {

using ::testing::HasSubstr;
using Verdict = Policy::Verdict;

const std::string orders = "arn:aws:kinesis:us-east-1:000000000000:stream/orders";

Policy policy(const std::string& json) {
  auto parsed = Policy::parse(json);
  EXPECT_TRUE(parsed.has_value()) << parsed.error().message;
  return parsed ? *std::move(parsed) : Policy();
}

std::string problem(const std::string& json) {
  auto parsed = Policy::parse(json);
  EXPECT_FALSE(parsed.has_value()) << json;
  return parsed ? "" : parsed.error().message;
}

TEST(WildcardMatch, StarTakesAnyTextAndQuestionMarkOneCharacter) {
  EXPECT_TRUE(wildcard_match("*", ""));
  EXPECT_TRUE(wildcard_match("a*c", "ac"));
  EXPECT_TRUE(wildcard_match("a*b*c", "a-b-b-c"));
  EXPECT_TRUE(wildcard_match("*ab", "aab"));
  EXPECT_TRUE(wildcard_match("a?c", "abc"));
  EXPECT_FALSE(wildcard_match("a?c", "ac"));
  EXPECT_FALSE(wildcard_match("a*b", "abc"));
  EXPECT_FALSE(wildcard_match("", "a"));
  EXPECT_FALSE(wildcard_match("abc", "ab"));
}

TEST(WildcardMatch, ManyStarsCostNoMoreThanTheProductOfTheLengths) {
  std::string pattern;
  for (int i = 0; i < 1000; ++i) pattern += "*a";
  EXPECT_FALSE(wildcard_match(pattern + "b", std::string(20'000, 'a')));
}

TEST(PolicyTest, AllowsWhatAStatementNamesAndNothingElse) {
  auto p = policy(R"({"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow",
      "Action":["kinesis:Put*","kinesis:DescribeStream"],"Resource":")" +
                  orders + R"("}]})");
  EXPECT_EQ(p.judge("kinesis:PutRecords", orders), Verdict::allowed);
  EXPECT_EQ(p.judge("kinesis:DescribeStream", orders), Verdict::allowed);
  EXPECT_EQ(p.judge("kinesis:DescribeStreamSummary", orders), Verdict::not_allowed);
  EXPECT_EQ(p.judge("kinesis:PutRecord", orders + "2"), Verdict::not_allowed);
  EXPECT_EQ(p.judge("kinesis:ListStreams", "*"), Verdict::not_allowed);
}

TEST(PolicyTest, DenyWinsWhereverItStands) {
  auto p = policy(R"({"Statement":[
      {"Effect":"Deny","Action":"kinesis:DeleteStream","Resource":"*"},
      {"Effect":"Allow","Action":"*","Resource":"*"}]})");
  EXPECT_EQ(p.judge("kinesis:DeleteStream", orders), Verdict::explicitly_denied);
  EXPECT_EQ(p.judge("kinesis:CreateStream", orders), Verdict::allowed);
}

TEST(PolicyTest, NotActionAndNotResourceMeanEverythingElse) {
  auto p = policy(R"({"Statement":{"Effect":"Allow","NotAction":"kinesis:Delete*",
      "NotResource":["arn:*:stream/secret*"]}})");
  EXPECT_EQ(p.judge("kinesis:PutRecord", orders), Verdict::allowed);
  EXPECT_EQ(p.judge("kinesis:DeleteStream", orders), Verdict::not_allowed);
  EXPECT_EQ(p.judge("kinesis:PutRecord", "arn:aws:kinesis:us-east-1:0:stream/secret-1"),
            Verdict::not_allowed);
}

TEST(PolicyTest, ActionsIgnoreCaseAndResourcesDoNot) {
  auto p = policy(
      R"({"Statement":{"Effect":"Allow","Action":"KINESIS:putrecord","Resource":"arn:aws:kinesis:*:*:stream/orders"}})");
  EXPECT_EQ(p.judge("kinesis:PutRecord", orders), Verdict::allowed);
  EXPECT_EQ(p.judge("kinesis:PutRecord", "arn:aws:kinesis:us-east-1:000000000000:stream/Orders"),
            Verdict::not_allowed);
}

TEST(PolicyTest, APolicyWithoutStatementsAllowsNothing) {
  EXPECT_EQ(policy(R"({"Statement":[]})").judge("kinesis:PutRecord", orders), Verdict::not_allowed);
}

TEST(PolicyTest, WhatWouldNarrowAStatementIsRefusedAndNotPassedOver) {
  EXPECT_THAT(problem(R"({"Statement":[{"Effect":"Allow","Action":"*","Resource":"*",
      "Condition":{"Bool":{"aws:SecureTransport":"true"}}}]})"),
              HasSubstr(R"(Statement[0]: "Condition" is not supported)"));
  EXPECT_THAT(problem(R"({"Statement":{"Effect":"Allow","Action":"*","Principal":"*"}})"),
              HasSubstr("Principal"));
  EXPECT_THAT(problem(R"({"Statement":{"Effect":"Allow","Action":"*",
      "Resource":"arn:aws:kinesis:us-east-1:1:stream/${aws:username}"}})"),
              HasSubstr("policy variable"));
  EXPECT_THAT(problem(R"({"Statement":[],"Extra":1})"), HasSubstr("Extra"));
}

TEST(PolicyTest, MalformedDocumentsAreRefusedWithTheirPlace) {
  EXPECT_THAT(problem("{"), HasSubstr("not JSON"));
  EXPECT_THAT(problem("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(problem("{}"), HasSubstr("no Statement"));
  EXPECT_THAT(problem(R"({"Version":"2020-01-01","Statement":[]})"), HasSubstr("Version"));
  EXPECT_THAT(problem(R"({"Statement":[7]})"), HasSubstr("Statement[0]: is not an object"));
  EXPECT_THAT(problem(R"({"Statement":{"Effect":"allow","Action":"*","Resource":"*"}})"),
              HasSubstr("Statement[0].Effect"));
  EXPECT_THAT(problem(R"({"Statement":{"Effect":"Allow","Resource":"*"}})"),
              HasSubstr("one of Action and NotAction"));
  EXPECT_THAT(
      problem(R"({"Statement":{"Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"}})"),
      HasSubstr("one of Action and NotAction"));
  EXPECT_THAT(problem(R"({"Statement":{"Effect":"Allow","Action":[],"Resource":"*"}})"),
              HasSubstr("Statement[0].Action"));
  EXPECT_THAT(problem(R"({"Statement":{"Effect":"Allow","Action":"PutRecord","Resource":"*"}})"),
              HasSubstr("kinesis:PutRecord"));
  EXPECT_THAT(problem(R"({"Statement":{"Effect":"Allow","Action":"*","Resource":"orders"}})"),
              HasSubstr("not an ARN"));
}

TEST(PolicyTest, AKeyThatStandsTwiceIsRefused) {
  EXPECT_THAT(
      problem(R"({"Statement":{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}})"),
      HasSubstr("\"Effect\" twice"));
}

}  // namespace
}  // namespace tailrace::aws
