#include <algorithm>

#include "aws/identity.h"
#include "aws/policy.h"
#include "config/sections.h"
#include "record/account.h"

namespace tailrace::config {
namespace {

bool is_region(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) || c == '-'; });
}

std::string checked_policy(Fields& fields, const std::string& origin, std::string json) {
  auto policy = aws::Policy::parse(json);
  if (policy) return json;
  fields.error("policy", origin + policy.error().message);
  return {};
}

// A file's name, or the document written in place.
std::string read_policy(Reading& reading, Fields& fields) {
  const Node* node = fields.find("policy");
  if (!node) return {};
  if (node->kind == Node::Kind::mapping) return checked_policy(fields, "", to_json(*node));
  auto path = fields.text("policy");
  if (!path) return {};
  auto content = reading.surroundings().read(reading.absolute(*path));
  if (content) return checked_policy(fields, *path + ": ", *std::move(content));
  fields.error("policy", "the policy file cannot be read: " + content.error().message);
  return {};
}

aws::KeySpec read_key(Reading& reading, const Node::Member& member) {
  aws::KeySpec key;
  key.id = member.key.text;
  const std::string path = "aws.keys." + key.id;
  Fields fields(reading, member.value, path, member.key.place,
                {"secret", "session_token", "policy"});
  if (!aws::is_key_id(key.id))
    reading.error(member.key.place, path,
                  "an access key id is 3 to 128 of a-z, A-Z, 0-9 and _, such as AKIDPRODUCER");
  fields.require("secret");
  if (auto secret = fields.text("secret")) {
    if (secret->size() < 16)
      fields.error("secret", "a secret has at least 16 characters; this one has " +
                                 std::to_string(secret->size()));
    else if (fields.find("secret")->text.find("${") == std::string::npos)
      reading.warning(fields.place_of("secret"), fields.key("secret"),
                      "a secret is written in this file; use ${VAR} or ${file:/path}");
    key.secret = *std::move(secret);
  }
  key.session_token = fields.text("session_token").value_or("");
  key.policy = read_policy(reading, fields);
  return key;
}

}  // namespace

void read_aws(Reading& reading, const Node& node, Config& config) {
  Fields aws(reading, node, "aws", node.place, {"region", "account", "keys"});
  if (auto region = aws.text("region")) {
    if (!is_region(*region))
      aws.error("region", "expected a region such as us-east-1, found \"" + *region + "\"");
    config.account.region = *std::move(region);
  }
  if (auto account = aws.text("account")) {
    if (!is_account_id(*account))
      aws.error("account", "expected 12 digits such as \"000000000000\", found \"" + *account +
                               "\"; write it in quotes");
    config.account.id = *std::move(account);
  }
  if (const Node* keys = aws.find("keys")) {
    for (const Node::Member* member : named_members(reading, *keys, "aws.keys", "access key"))
      config.keys.push_back(read_key(reading, *member));
  }
}

}  // namespace tailrace::config
