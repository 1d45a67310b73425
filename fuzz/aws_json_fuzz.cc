// Any bytes as the JSON body of any Kinesis action.

#include "aws_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return tailrace::aws::fuzz_request(tailrace::aws::Codec::json, data, size);
}
