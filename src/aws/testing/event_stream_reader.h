#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/event_stream.h"
#include "base/byte_reader.h"
#include "base/result.h"

// The client's side of aws/event_stream.h.
namespace tailrace::aws::testing {

struct EventMessage {
  std::vector<std::pair<std::string, std::string>> headers;
  std::string payload;
};
struct DecodedEvent {
  EventMessage message;
  std::size_t bytes = 0;  // that it took
};

// Nothing while the message is incomplete. Fault::corrupt when a checksum, a length or a header is
// wrong, or a header is no string: the SDK for Java reads no other.
inline Result<std::optional<DecodedEvent>> decode_event(std::string_view bytes) {
  constexpr std::size_t prelude_bytes = 12, overhead_bytes = prelude_bytes + 4;
  if (bytes.size() < prelude_bytes) return std::optional<DecodedEvent>();
  ByteReader prelude(bytes);
  std::size_t total = prelude.be<std::uint32_t>();
  std::size_t headers_bytes = prelude.be<std::uint32_t>();
  if (prelude.be<std::uint32_t>() != event_checksum(bytes.substr(0, 8)))
    return Error{Fault::corrupt, "event message: the checksum of its lengths is wrong"};
  if (total < overhead_bytes + headers_bytes)
    return Error{Fault::corrupt, "event message: its lengths cannot be"};
  if (bytes.size() < total) return std::optional<DecodedEvent>();
  ByteReader checksum(bytes.substr(total - 4, 4));
  if (checksum.be<std::uint32_t>() != event_checksum(bytes.substr(0, total - 4)))
    return Error{Fault::corrupt, "event message: its checksum is wrong"};

  DecodedEvent decoded;
  decoded.bytes = total;
  ByteReader headers(bytes.substr(prelude_bytes, headers_bytes));
  while (!headers.at_end()) {
    std::string name(headers.bytes(headers.be<std::uint8_t>()));
    auto type = headers.be<std::uint8_t>();
    std::string value(headers.bytes(headers.be<std::uint16_t>()));
    if (!headers.ok() || type != 7)
      return Error{Fault::corrupt, "event message: a header is cut off or no string"};
    decoded.message.headers.emplace_back(std::move(name), std::move(value));
  }
  decoded.message.payload =
      bytes.substr(prelude_bytes + headers_bytes, total - overhead_bytes - headers_bytes);
  return std::optional<DecodedEvent>(std::move(decoded));
}

}  // namespace tailrace::aws::testing
