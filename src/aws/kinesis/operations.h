#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aws/call.h"
#include "record/account.h"

namespace tailrace::aws::kinesis {

// An action and what serves it.
struct Handled {
  std::string_view action;
  // Begins it on the I/O pool and never blocks it.
  std::function<void(std::shared_ptr<Call>)> run;
  // The ARNs that it acts on, where the input's names and ARNs do not tell (an iterator, a token);
  // by default resources_of().
  std::function<std::vector<std::string>(const Value& input)> resources = {};
};

// The whole API, for a Door: each action with its shape. Exactly one of `handled` for each action
// of the model, or it is a broken promise.
//
// A request with DryRun goes as far as its checks and its identity's policy, and then fails with
// DryRunOperationException: nothing is read or written.
std::vector<Operation> operations_of(const Account& account, std::vector<Handled> handled);

}  // namespace tailrace::aws::kinesis
