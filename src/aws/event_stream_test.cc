#include "aws/event_stream.h"

#include <gtest/gtest.h>

#include "aws/testing/event_stream_reader.h"
#include "aws/writer.h"
#include "base/hex.h"

namespace tailrace::aws {
namespace {

// Frames that botocore's decoder read.
TEST(EventStream, FramesMatchThoseThatClientsAccept) {
  EXPECT_EQ(
      hex(initial_response_frame(Codec::json)),
      "00000068000000564e6817240d3a6d6573736167652d747970650700056576656e740b3a6576656e742d74797065"
      "070010696e697469616c2d726573706f6e73650d3a636f6e74656e742d747970650700106170706c69636174696f"
      "6e2f6a736f6e7b7dfe942c1d");
  EXPECT_EQ(
      hex(exception_frame(Codec::json, {"ResourceInUseException", "x"})),
      "0000008300000064d9bbb06a0d3a6d6573736167652d74797065070009657863657074696f6e0f3a657863657074"
      "696f6e2d747970650700165265736f75726365496e557365457863657074696f6e0d3a636f6e74656e742d747970"
      "650700106170706c69636174696f6e2f6a736f6e7b226d657373616765223a2278227de1ecdf10");
}

TEST(EventStream, APayloadIsWrittenInPlaceInTheCodecOfTheRequest) {
  std::string out = "before";
  std::size_t begin = begin_event_frame(out, Codec::cbor, "SubscribeToShardEvent");
  make_writer(Codec::cbor, out)->integer(7);
  end_event_frame(out, begin);

  auto decoded = testing::decode_event(std::string_view(out).substr(6));
  ASSERT_TRUE(decoded && *decoded);
  EXPECT_EQ((*decoded)->bytes, out.size() - 6);
  EXPECT_EQ((*decoded)->message.payload, "\x07");
  std::vector<std::pair<std::string, std::string>> headers = {
      {":message-type", "event"},
      {":event-type", "SubscribeToShardEvent"},
      {":content-type", "application/x-amz-cbor-1.1"}};
  EXPECT_EQ((*decoded)->message.headers, headers);
}

TEST(EventStream, AnIncompleteMessageWaitsForMore) {
  std::string frame = initial_response_frame(Codec::json);
  for (std::size_t size = 0; size < frame.size(); ++size) {
    auto decoded = testing::decode_event(std::string_view(frame).substr(0, size));
    ASSERT_TRUE(decoded);
    EXPECT_FALSE(decoded->has_value()) << size;
  }
}

TEST(EventStream, AnyChangedBitIsNoticed) {
  const std::string frame = initial_response_frame(Codec::json);
  for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
    std::string changed = frame;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    auto decoded = testing::decode_event(changed);
    ASSERT_FALSE(decoded) << bit;
    EXPECT_EQ(decoded.error().fault, Fault::corrupt);
  }
}

}  // namespace
}  // namespace tailrace::aws
