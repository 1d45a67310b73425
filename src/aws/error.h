#pragma once

#include <string>

namespace tailrace::aws {

// Why a call failed, as an AWS client sees it. Every modelled exception has status 400.
struct Failure {
  std::string type;  // the bare shape name: "ResourceNotFoundException"
  std::string message;
  int status = 400;
  bool operator==(const Failure&) const = default;
};

}  // namespace tailrace::aws
