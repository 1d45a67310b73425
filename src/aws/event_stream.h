#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "aws/error.h"
#include "aws/value.h"

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

// The CRC-32 of a message's lengths and of the whole.
std::uint32_t event_checksum(std::string_view bytes);

}  // namespace tailrace::aws
