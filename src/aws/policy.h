#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tailrace::aws {

// An identity policy in the JSON language of AWS IAM, as far as it can be held to here: Version,
// Id, and Statement with Sid, Effect, Action or NotAction, Resource or NotResource, and the
// wildcards * and ?. An explicit Deny wins over any Allow; what nothing allows is denied.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
class Policy {
 public:
  // Fault::invalid names what is wrong and where. Elements that would narrow a statement and are
  // not known here (Condition, Principal, policy variables) are refused: to pass over one would
  // allow more than its author meant.
  static Result<Policy> parse(std::string_view json);

  enum class Verdict { allowed, not_allowed, explicitly_denied };
  // An action is "kinesis:PutRecord" (its case does not matter), a resource an ARN or, for actions
  // that are on no resource, "*".
  Verdict judge(std::string_view action, std::string_view resource) const;

 private:
  struct Patterns {
    std::vector<std::string> any_of;
    bool inverted = false;
    bool match(std::string_view text) const;
  };
  struct Statement {
    bool allows = false;
    Patterns actions;  // in lower case
    Patterns resources;
  };
  struct Reader;

  std::vector<Statement> statements_;
};

// Whether the whole text matches: * stands for any characters, also none, ? for one. At worst the
// product of the lengths.
bool wildcard_match(std::string_view pattern, std::string_view text);

}  // namespace tailrace::aws
