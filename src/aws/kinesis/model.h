#pragma once

#include <span>
#include <string_view>

#include "aws/shape.h"

namespace tailrace::aws::kinesis {

// An action of the API and what it takes.
struct Action {
  std::string_view name;
  const Shape* input = nullptr;
};

// All that are served, in order of name.
std::span<const Action> actions();
// Nothing when there is no such action.
const Shape* input_of(std::string_view action);

}  // namespace tailrace::aws::kinesis
