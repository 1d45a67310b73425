// Any bytes as the CBOR body of any Kinesis action.

#include "aws_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return tailrace::aws::fuzz_request(tailrace::aws::Codec::cbor, data, size);
}
