#include "aws/kinesis/control_fixture.h"

namespace tailrace::aws::kinesis {
namespace {

class ConsumerActions : public ControlTest {
 protected:
  ConsumerActions() { create("orders"); }

  Json add(const std::string& name) {
    return must("RegisterStreamConsumer",
                {{"StreamARN", arn("orders")}, {"ConsumerName", name}})["Consumer"];
  }
};

TEST_F(ConsumerActions, AConsumerIsActiveAndItsArnEndsInItsSecond) {
  Json consumer = add("billing");
  EXPECT_EQ(consumer["ConsumerName"], "billing");
  EXPECT_EQ(consumer["ConsumerARN"], arn("orders") + "/consumer/billing:1700000000");
  EXPECT_EQ(consumer["ConsumerStatus"], "ACTIVE");
  EXPECT_EQ(consumer["ConsumerCreationTimestamp"], 1700000000);
  EXPECT_EQ(describe("orders")["ConsumerCount"], 1);
  EXPECT_EQ(
      ask("RegisterStreamConsumer", {{"StreamARN", arn("orders")}, {"ConsumerName", "billing"}})
          .type(),
      "ResourceInUseException");
}

TEST_F(ConsumerActions, AConsumerIsNamedByItsArnOrByStreamAndName) {
  Json consumer = add("billing");
  for (Json input : {Json{{"ConsumerARN", consumer["ConsumerARN"]}},
                     Json{{"StreamARN", arn("orders")}, {"ConsumerName", "billing"}}}) {
    Json description = must("DescribeStreamConsumer", input)["ConsumerDescription"];
    EXPECT_EQ(description["ConsumerARN"], consumer["ConsumerARN"]);
    EXPECT_EQ(description["StreamARN"], arn("orders"));
  }
  EXPECT_EQ(ask("DescribeStreamConsumer", {{"ConsumerName", "billing"}}).type(),
            "InvalidArgumentException");
  EXPECT_EQ(ask("DescribeStreamConsumer", {{"StreamARN", arn("orders")}, {"ConsumerName", "none"}})
                .type(),
            "ResourceNotFoundException");
  // Another of the same name, registered earlier.
  EXPECT_EQ(ask("DescribeStreamConsumer",
                {{"ConsumerARN", arn("orders") + "/consumer/billing:1600000000"}})
                .type(),
            "ResourceNotFoundException");
}

TEST_F(ConsumerActions, OnlyTheConsumerThatIsNamedIsDeregistered) {
  add("a");
  add("b");
  must("DeregisterStreamConsumer", {{"StreamARN", arn("orders")}, {"ConsumerName", "a"}});
  Json left = must("ListStreamConsumers", {{"StreamARN", arn("orders")}})["Consumers"];
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0]["ConsumerName"], "b");
  EXPECT_EQ(
      ask("DeregisterStreamConsumer", {{"StreamARN", arn("orders")}, {"ConsumerName", "a"}}).type(),
      "ResourceNotFoundException");
}

TEST_F(ConsumerActions, ConsumersAreListedPageByPage) {
  for (const char* name : {"b", "a", "c"}) add(name);
  Json page = must("ListStreamConsumers", {{"StreamARN", arn("orders")}, {"MaxResults", 2}});
  EXPECT_EQ(page["Consumers"][0]["ConsumerName"], "a");
  EXPECT_EQ(page["Consumers"].size(), 2u);
  Json rest =
      must("ListStreamConsumers", {{"StreamARN", arn("orders")}, {"NextToken", page["NextToken"]}});
  EXPECT_EQ(rest["Consumers"].size(), 1u);
  EXPECT_EQ(rest["Consumers"][0]["ConsumerName"], "c");
  EXPECT_FALSE(rest.contains("NextToken"));
  create("other");
  EXPECT_EQ(
      ask("ListStreamConsumers", {{"StreamARN", arn("other")}, {"NextToken", page["NextToken"]}})
          .type(),
      "InvalidArgumentException");
}

TEST_F(ConsumerActions, AStreamHasTwentyConsumersAtMost) {
  for (int i = 0; i < 20; ++i) add("c" + std::to_string(i));
  EXPECT_EQ(ask("RegisterStreamConsumer", {{"StreamARN", arn("orders")}, {"ConsumerName", "more"}})
                .type(),
            "LimitExceededException");
}

TEST_F(ConsumerActions, TagsAndPoliciesAreOnStreamsAndConsumersAlike) {
  Json consumer_arn = add("billing")["ConsumerARN"];
  for (const Json& resource : {Json(arn("orders")), consumer_arn}) {
    must("TagResource", {{"ResourceARN", resource}, {"Tags", {{"a", "1"}, {"b", "2"}}}});
    must("UntagResource", {{"ResourceARN", resource}, {"TagKeys", {"a", "none"}}});
    EXPECT_EQ(must("ListTagsForResource", {{"ResourceARN", resource}})["Tags"],
              Json::parse(R"([{"Key":"b","Value":"2"}])"));

    EXPECT_EQ(must("GetResourcePolicy", {{"ResourceARN", resource}})["Policy"], "{}");
    EXPECT_EQ(ask("DeleteResourcePolicy", {{"ResourceARN", resource}}).type(),
              "ResourceNotFoundException");
    must("PutResourcePolicy", {{"ResourceARN", resource}, {"Policy", R"({"Version":"1"})"}});
    EXPECT_EQ(must("GetResourcePolicy", {{"ResourceARN", resource}})["Policy"],
              R"({"Version":"1"})");
    must("DeleteResourcePolicy", {{"ResourceARN", resource}});
    EXPECT_EQ(must("GetResourcePolicy", {{"ResourceARN", resource}})["Policy"], "{}");
  }
  EXPECT_EQ(
      ask("PutResourcePolicy", {{"ResourceARN", arn("orders")}, {"Policy", "no JSON"}}).type(),
      "InvalidArgumentException");
}

TEST_F(ConsumerActions, TagsOfAStreamAreListedPageByPage) {
  must("AddTagsToStream",
       {{"StreamName", "orders"}, {"Tags", {{"a", "1"}, {"b", "2"}, {"c", ""}}}});
  must("RemoveTagsFromStream", {{"StreamName", "orders"}, {"TagKeys", {"b"}}});
  Json page = must("ListTagsForStream", {{"StreamName", "orders"}, {"Limit", 1}});
  EXPECT_EQ(page["Tags"], Json::parse(R"([{"Key":"a","Value":"1"}])"));
  EXPECT_EQ(page["HasMoreTags"], true);
  page = must("ListTagsForStream", {{"StreamName", "orders"}, {"ExclusiveStartTagKey", "a"}});
  EXPECT_EQ(page["Tags"], Json::parse(R"([{"Key":"c","Value":""}])"));
  EXPECT_EQ(page["HasMoreTags"], false);
}

TEST_F(ConsumerActions, TagsHaveKnownCharactersAndAreFiftyAtMost) {
  auto add_tag = [this](const std::string& key, const std::string& value) {
    return ask("AddTagsToStream", {{"StreamName", "orders"}, {"Tags", {{key, value}}}});
  };
  EXPECT_EQ(add_tag("Größe _./=+-@:1", "ключ").status, 200);
  EXPECT_EQ(add_tag("a", "b!").message(),
            "Some tags contain invalid characters. Valid characters: Unicode letters, digits, "
            "white space, _ . / = + - % @.");
  EXPECT_EQ(add_tag("a%", "b").message(),
            "Failed to add tags to stream orders under account 000000000000 because some tags "
            "contained illegal characters. The allowed characters are Unicode letters, "
            "white-spaces, '_',',','/','=','+','-','@'.");
  Json many = Json::object();
  for (int i = 0; i < 50; ++i) many["key" + std::to_string(i)] = "";
  EXPECT_EQ(ask("AddTagsToStream", {{"StreamName", "orders"}, {"Tags", many}}).type(),
            "InvalidArgumentException");
}

}  // namespace
}  // namespace tailrace::aws::kinesis
