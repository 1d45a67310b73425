#include "aws/identity.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace tailrace::aws {

bool is_key_id(std::string_view id) {
  return id.size() >= 3 && id.size() <= 128 &&
         std::all_of(id.begin(), id.end(),
                     [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

std::optional<Failure> Identity::refuse(std::string_view action, std::string_view resource) const {
  if (!policy_) return std::nullopt;
  auto verdict = policy_->judge(action, resource);
  if (verdict == Policy::Verdict::allowed) return std::nullopt;

  auto message = "User: " + arn_ + " is not authorized to perform: " + std::string(action);
  if (resource != "*") message += " on resource: " + std::string(resource);
  message +=
      verdict == Policy::Verdict::explicitly_denied
          ? " with an explicit deny in an identity-based policy"
          : " because no identity-based policy allows the " + std::string(action) + " action";
  return Failure{"AccessDeniedException", std::move(message)};
}

Result<Keys> Keys::make(const std::vector<KeySpec>& specs, std::string_view account) {
  Keys keys;
  for (const auto& spec : specs) {
    if (!is_key_id(spec.id))
      return Error{Fault::invalid,
                   "access key \"" + spec.id + "\": an id is 3 to 128 letters, digits or '_'"};
    if (spec.secret.empty())
      return Error{Fault::invalid, "access key \"" + spec.id + "\": its secret is empty"};
    std::optional<Policy> policy;
    if (!spec.policy.empty()) {
      auto parsed = Policy::parse(spec.policy);
      if (!parsed)
        return std::move(parsed).error().during("access key \"" + spec.id + "\": policy");
      policy = std::move(*parsed);
    }
    auto arn = "arn:aws:iam::" + std::string(account) + ":user/" + spec.id;
    auto key = std::make_unique<const Key>(
        Key{spec.id, spec.secret, spec.session_token, Identity(std::move(arn), std::move(policy))});
    if (!keys.keys_.emplace(spec.id, std::move(key)).second)
      return Error{Fault::invalid, "access key \"" + spec.id + "\" is there twice"};
  }
  return keys;
}

const Key* Keys::find(std::string_view id) const {
  auto found = keys_.find(id);
  return found == keys_.end() ? nullptr : found->second.get();
}

}  // namespace tailrace::aws
