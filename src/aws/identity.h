#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/error.h"
#include "aws/policy.h"
#include "base/result.h"

namespace tailrace::aws {

// Who makes a call, and what it may do. Immutable.
class Identity {
 public:
  // Without a policy everything is allowed. The ARN is how messages name it.
  Identity(std::string arn, std::optional<Policy> policy)
      : arn_(std::move(arn)), policy_(std::move(policy)) {}

  const std::string& arn() const { return arn_; }

  // An AccessDeniedException in AWS's words, or nothing when it may. `action` is
  // "kinesis:PutRecord"; `resource` an ARN, or "*" for actions on no single resource.
  std::optional<Failure> refuse(std::string_view action, std::string_view resource) const;

 private:
  const std::string arn_;
  const std::optional<Policy> policy_;
};

// 3 to 128 letters, digits and '_'. AWS's own have 16 and more; shorter ones ("test", "AKID") are
// common against local servers. A slash would make a credential's scope ambiguous.
bool is_key_id(std::string_view id);

// An access key as the configuration has it.
struct KeySpec {
  std::string id;
  std::string secret;
  std::string session_token;  // empty: requests carry none
  std::string policy;         // JSON, as Policy::parse reads it; empty: everything is allowed
  bool operator==(const KeySpec&) const = default;
};

struct Key {
  std::string id;
  std::string secret;
  std::string session_token;
  Identity identity;
};

// All keys that may sign. Immutable, so any thread may look; identities live as long as the keys.
class Keys {
 public:
  // `account` is the 12-digit account of the identities' ARNs: arn:aws:iam::ACCOUNT:user/KEY_ID.
  // Fault::invalid names the key and what is wrong with it.
  static Result<Keys> make(const std::vector<KeySpec>& specs, std::string_view account);

  const Key* find(std::string_view id) const;
  bool empty() const { return keys_.empty(); }

 private:
  // Keys stay where they are when the map moves.
  std::map<std::string, std::unique_ptr<const Key>, std::less<>> keys_;
};

}  // namespace tailrace::aws
