#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/error.h"
#include "aws/value.h"
#include "base/result.h"

// Messages of application/vnd.amazon.eventstream. All integers are big-endian:
//
//    0        4  length of the whole message
//    4        4  length of the headers, H
//    8        4  CRC-32 (as zlib has it) of bytes 0 to 7
//   12        H  headers: name length (1), name, type (1), value
//   12+H         payload
//   end-4     4  CRC-32 of all that stands before it
//
// We write headers of type 7 alone (a string: length (2), bytes): AWS's SDK for Java reads every
// header as a string.
namespace tailrace::aws {

inline constexpr std::string_view event_stream_content_type = "application/vnd.amazon.eventstream";

// The first message of every stream, without which botocore and the SDK for Go give up.
std::string initial_response_frame(Codec codec);
// An exception that the model knows. It ends the stream.
std::string exception_frame(Codec codec, const Failure& failure);

// One event. Its payload, a structure in the codec of the request, is written to the end of `out`
// between the two calls and so is never copied; end_event_frame() takes what the first returned.
std::size_t begin_event_frame(std::string& out, Codec codec, std::string_view event_type);
void end_event_frame(std::string& out, std::size_t begin);

struct EventMessage {
  // Strings only; a header of another type keeps its raw bytes.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string payload;
};
struct DecodedEvent {
  EventMessage message;
  std::size_t bytes = 0;  // that it took
};
// Nothing while the message is incomplete. Fault::corrupt when a checksum, a length or a header is
// wrong; headers over 128 KiB and payloads over 24 MiB are refused as AWS's clients refuse them.
Result<std::optional<DecodedEvent>> decode_event(std::string_view bytes);

}  // namespace tailrace::aws
