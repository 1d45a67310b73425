#include "aws/kinesis/operations.h"

#include <algorithm>
#include <map>
#include <utility>

#include "aws/kinesis/model.h"
#include "aws/kinesis/names.h"
#include "base/check.h"

namespace tailrace::aws::kinesis {
namespace {

bool can_run_dry(const Shape& input) {
  return std::any_of(input.fields.begin(), input.fields.end(),
                     [](const Field& field) { return field.name == "DryRun"; });
}

}  // namespace

std::vector<Operation> operations_of(const Account& account, std::vector<Handled> handled) {
  std::map<std::string_view, Handled> by_action;
  for (Handled& one : handled) {
    std::string_view action = one.action;
    TAILRACE_CHECK(input_of(action) != nullptr);
    TAILRACE_CHECK(by_action.emplace(action, std::move(one)).second);
  }
  TAILRACE_CHECK(by_action.size() == actions().size());

  std::vector<Operation> operations;
  for (auto& [action, one] : by_action) {
    Operation operation{std::string(action), input_of(action), std::move(one.resources),
                        std::move(one.run)};
    if (!operation.resources)
      operation.resources = [account](const Value& input) { return resources_of(account, input); };
    if (can_run_dry(*operation.input))
      operation.run = [run = std::move(operation.run)](std::shared_ptr<Call> call) {
        if (call->input()["DryRun"].boolean())
          return call->fail({"DryRunOperationException",
                             "The request was not carried out because DryRun was specified."});
        run(std::move(call));
      };
    operations.push_back(std::move(operation));
  }
  return operations;
}

}  // namespace tailrace::aws::kinesis
