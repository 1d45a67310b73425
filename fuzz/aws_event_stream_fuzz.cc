// Any bytes as messages of an event stream: incomplete, refused or decoded, never read past their
// end. The same bytes as a payload come back as they were.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "aws/event_stream.h"
#include "aws/testing/event_stream_reader.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tailrace;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (std::string_view left = bytes; !left.empty();) {
    auto decoded = aws::testing::decode_event(left);
    if (!decoded) {
      TAILRACE_CHECK(decoded.error().fault == Fault::corrupt);
      break;
    }
    if (!*decoded) break;
    TAILRACE_CHECK((*decoded)->bytes >= 16 && (*decoded)->bytes <= left.size());
    left.remove_prefix((*decoded)->bytes);
  }

  std::string frame;
  std::size_t begin = aws::begin_event_frame(frame, aws::Codec::cbor, "SubscribeToShardEvent");
  frame += bytes;
  aws::end_event_frame(frame, begin);
  auto decoded = aws::testing::decode_event(frame);
  TAILRACE_CHECK(decoded && *decoded && (*decoded)->message.payload == bytes);
  TAILRACE_CHECK((*decoded)->bytes == frame.size());
  return 0;
}
