#include "log/format.h"

#include <gtest/gtest.h>

namespace tailrace::log {
namespace {

State some_state() {
  State state;
  state.next_group = 42;
  state.last_ticket = 99;
  state.next = {{0, 5}, {7, 1ull << 40}};
  state.next_of_unlisted = 3;
  state.marks = {{"a", "1"}, {"", std::string(1000, 'v')}};
  return state;
}

GroupHeader some_group() {
  GroupHeader group;
  group.number = 42;
  group.last_ticket = 100;
  group.position = 1000;
  group.synced_end = 900;
  group.written_micros = -1;
  group.marks = {{"task", "here"}};
  Block block;
  block.first = 5;
  block.count = 2;
  block.length = 30;
  block.crc = 0xdeadbeef;
  block.arrival_min_ms = -5;
  block.arrival_max_ms = 5;
  group.blocks = {{1, block}, {4, block}};
  group.header_length = group_header_bytes(group.marks, group.blocks.size());
  group.length = group.header_length + 60;
  group.blocks[0].block.position = group.position + group.header_length;
  group.blocks[1].block.position = group.blocks[0].block.position + 30;
  return group;
}

TEST(FormatTest, SegmentNamesSortAsTheirGroups) {
  EXPECT_EQ(segment_name(42), "00000000000000000042.seg");
  EXPECT_EQ(parse_segment_name(segment_name(42)), 42u);
  EXPECT_EQ(parse_segment_name("00000000000000000042.seg.damaged"), std::nullopt);
  EXPECT_EQ(parse_segment_name("0000000000000000004x.seg"), std::nullopt);
  EXPECT_EQ(parse_segment_name("99999999999999999999.seg"), std::nullopt);
}

TEST(FormatTest, ASegmentHeaderComesBackAsItWas) {
  SegmentHeader header{7, 3, some_state()};
  Buffer bytes = encode(header);
  EXPECT_EQ(segment_header_length(bytes.view().substr(0, segment_prefix_bytes)), bytes.size());
  auto decoded = decode_segment_header(bytes.view());
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, header);
}

TEST(FormatTest, ASegmentHeaderWithNumbersThatWouldOverflowIsDamagedThoughItsChecksumFits) {
  auto refused = [](auto&& change) {
    SegmentHeader header{7, 3, some_state()};
    change(header);
    auto decoded = decode_segment_header(encode(header).view());
    return !decoded && decoded.error().fault == Fault::corrupt;
  };
  constexpr auto most = ~std::uint64_t{0};
  EXPECT_FALSE(refused([](SegmentHeader&) {}));
  EXPECT_TRUE(refused([](SegmentHeader& header) { header.sequence = most; }));
  EXPECT_TRUE(refused([](SegmentHeader& header) { header.state.next_group = most; }));
  EXPECT_TRUE(refused([](SegmentHeader& header) { header.state.last_ticket = most; }));
  EXPECT_TRUE(refused([](SegmentHeader& header) { header.state.next_of_unlisted = most; }));
  EXPECT_TRUE(refused([](SegmentHeader& header) { header.state.next[7] = most; }));
}

TEST(FormatTest, AGroupHeaderComesBackOnlyWhereItWasWritten) {
  GroupHeader group = some_group();
  Buffer bytes = encode(group, 7);
  EXPECT_EQ(group_header_length(bytes.view().substr(0, group_prefix_bytes), 1000), bytes.size());
  EXPECT_EQ(decode_group_header(bytes.view(), 7, 1000), group);
  EXPECT_EQ(decode_group_header(bytes.view(), 8, 1000), std::nullopt);
  EXPECT_EQ(decode_group_header(bytes.view(), 7, 1001), std::nullopt);
  EXPECT_EQ(group_header_length(bytes.view().substr(0, group_prefix_bytes), 1001), std::nullopt);
}

TEST(FormatTest, AGroupHeaderThatContradictsItselfIsNoneThoughItsChecksumFits) {
  auto refused = [](auto&& change) {
    GroupHeader group = some_group();
    change(group);
    return decode_group_header(encode(group, 7).view(), 7, 1000) == std::nullopt;
  };
  EXPECT_FALSE(refused([](GroupHeader&) {}));
  EXPECT_TRUE(refused([](GroupHeader& group) { group.length += 1; }));
  EXPECT_TRUE(refused([](GroupHeader& group) { group.length = ~std::uint64_t{0}; }));
  EXPECT_TRUE(refused([](GroupHeader& group) { group.synced_end = 1001; }));
  EXPECT_TRUE(refused([](GroupHeader& group) { group.number = ~std::uint64_t{0}; }));
  EXPECT_TRUE(refused([](GroupHeader& group) { group.last_ticket = ~std::uint64_t{0}; }));
  EXPECT_TRUE(refused([](GroupHeader& group) { group.blocks[1].shard = 1; }));
  EXPECT_TRUE(refused([](GroupHeader& group) { group.blocks[0].block.count = 0; }));
  EXPECT_TRUE(refused([](GroupHeader& group) { group.blocks[0].block.count = 3; }));
  EXPECT_TRUE(refused([](GroupHeader& group) { group.blocks[0].block.first = ~Offset{0}; }));
  EXPECT_TRUE(
      refused([](GroupHeader& group) { group.blocks[0].block.length = ~std::uint64_t{0}; }));
}

TEST(FormatTest, AFooterComesBackAsItWas) {
  Block block = some_group().blocks[0].block;
  Block later = block;
  later.first = 9;
  later.arrival_max_ms = 50;
  std::vector<Block> one{block}, two{block, later};
  Footer footer;
  footer.incarnation = 7;
  footer.sequence = 3;
  footer.first_group = 41;
  footer.position = 5000;
  footer.groups = 2;
  footer.records = 6;
  footer.state = some_state();
  footer.state.next[1] = 7;
  footer.state.next[4] = 11;
  Buffer bytes = encode(footer, {{1, &one}, {4, &two}});

  std::uint64_t size = footer.position + bytes.size();
  auto place = decode_trailer(bytes.view().substr(bytes.size() - trailer_bytes), size);
  ASSERT_TRUE(place);
  auto directory = bytes.view().substr(place->position - footer.position, place->length);
  EXPECT_EQ(decode_directory(directory, place->position), footer);
  ASSERT_EQ(footer.shards.size(), 2u);
  const ShardSummary& summary = footer.shards[1];
  EXPECT_EQ(summary.end, 11u);
  EXPECT_EQ(summary.arrival_max_ms, 50);
  auto list = bytes.view().substr(summary.list_position - footer.position, 2 * list_entry_bytes);
  EXPECT_EQ(decode_block_list(list, summary), two);
  EXPECT_EQ(decode_trailer(bytes.view().substr(bytes.size() - trailer_bytes), size + 1),
            std::nullopt);
}

TEST(FormatTest, AFooterThatContradictsItselfIsNoneThoughItsChecksumFits) {
  auto refused = [](auto&& change) {
    Block block = some_group().blocks[0].block;
    std::vector<Block> list{block};
    Footer footer;
    footer.first_group = 42;
    footer.position = 5000;
    footer.state = some_state();
    footer.state.next[1] = block.end();
    change(footer);
    Buffer bytes = encode(footer, {{1, &list}});
    auto place = decode_trailer(bytes.view().substr(bytes.size() - trailer_bytes),
                                footer.position + bytes.size());
    return !decode_directory(bytes.view().substr(place->position - footer.position, place->length),
                             place->position);
  };
  EXPECT_FALSE(refused([](Footer&) {}));
  EXPECT_TRUE(refused([](Footer& footer) { footer.first_group = 43; }));
  EXPECT_TRUE(refused([](Footer& footer) { footer.state.next[1] -= 1; }));
  EXPECT_TRUE(refused([](Footer& footer) { footer.state.last_ticket = ~std::uint64_t{0}; }));
}

TEST(FormatTest, FramesThatDoNotFillTheirBlockExactlyAreNone) {
  Batch batch;
  batch.add(0, "k", "one");
  batch.add(0, "k", "two");
  std::string bytes(batch.pieces().at(0).frames.view());
  EXPECT_EQ(parse_frames(bytes, 2)->size(), 2u);
  EXPECT_FALSE(parse_frames(bytes, 1));
  EXPECT_FALSE(parse_frames(bytes, 3));
  EXPECT_FALSE(parse_frames(bytes + "x", 2));
  EXPECT_FALSE(parse_frames(std::string_view(bytes).substr(1), 2));
  EXPECT_FALSE(parse_frames(bytes, 0xffffffff));
}

}  // namespace
}  // namespace tailrace::log
