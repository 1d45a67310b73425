#include "log/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "log/format.h"
#include "log/testing/log_fixture.h"

namespace tailrace::log {
namespace {

using testing::content_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::ShardContent;
using ::testing::SizeIs;

bool is_torn_copy(const std::string& name) { return name.ends_with(".torn"); }

class RecoveryTest : public testing::LogFixture {
 protected:
  // The image of a process that was killed, with the content of one file changed.
  std::unique_ptr<MemoryDirectory> image_with(const std::string& name, const std::string& content) {
    auto image = disk->after_kill();
    image->set_content(name, content);
    return image;
  }

  void use(std::unique_ptr<MemoryDirectory> image) {
    log.reset();
    disk = std::move(image);
  }

  void remove(const std::string& name) { ASSERT_TRUE(disk->remove(name)); }

  // Five records in five segments, and one more open.
  void fill_segments() {
    options.segment_bytes_max = 1;
    open();
    for (int i = 0; i < 6; ++i) append(0, "record " + std::to_string(i));
    use(disk->after_kill());
  }
};

TEST_F(RecoveryTest, AGroupTornAtAnyByteIsCutOffWhole) {
  open();
  append(0, "first");
  append(1, "second");
  std::string segment = only_segment();
  std::uint64_t before = log->statistics().bytes;
  Batch batch;
  batch.add(0, "key", "third");
  batch.add(1, "key", "fourth");
  batch.set_mark("task", "moved");
  append(batch);
  std::uint64_t end = log->statistics().bytes;
  auto whole = disk->after_kill();
  std::string bytes = whole->content(segment);
  ASSERT_GT(bytes.size(), end) << "room is reserved ahead";

  for (std::uint64_t cut = before; cut < end; ++cut) {
    for (bool zero_filled : {false, true}) {
      SCOPED_TRACE("cut at " + std::to_string(cut) + (zero_filled ? ", zeros behind" : ""));
      std::string torn = bytes.substr(0, cut);
      if (zero_filled) torn.resize(bytes.size(), '\0');
      bool changes = torn.substr(0, end) != bytes.substr(0, end);
      log.reset();
      disk = whole->after_kill();
      disk->set_content(segment, torn);
      open();
      if (!changes) {
        // The group's last bytes were zeros themselves.
        EXPECT_THAT(payloads(1), ElementsAre("second", "fourth"));
        continue;
      }
      EXPECT_THAT(payloads(0), ElementsAre("first"));
      EXPECT_THAT(payloads(1), ElementsAre("second"));
      EXPECT_EQ(log->mark("task"), std::nullopt);
      EXPECT_EQ(log->durable(), 2u);
      EXPECT_THAT(log->damage(), SizeIs(0));
      auto all = names();
      auto copy = std::find_if(all.begin(), all.end(), is_torn_copy);
      std::string kept = torn.substr(before);
      kept.resize(kept.find_last_not_of('\0') + 1);
      if (kept.empty()) {
        EXPECT_EQ(copy, all.end());
        EXPECT_THAT(log->recovery_notes(), SizeIs(0));
      } else {
        ASSERT_NE(copy, all.end());
        EXPECT_EQ(disk->content(*copy), kept);
        EXPECT_THAT(log->recovery_notes(), ElementsAre(HasSubstr("torn")));
      }

      append(0, "later");
      kill_and_open();
      EXPECT_THAT(payloads(0), ElementsAre("first", "later"));
      EXPECT_THAT(payloads(1), ElementsAre("second"));
      ASSERT_FALSE(HasFailure());
    }
  }
}

TEST_F(RecoveryTest, AFlippedBitAnywhereIsDetectedAndNothingWrongIsServed) {
  options.segment_bytes_max = 600;
  open();
  std::map<ShardNumber, std::map<Offset, std::string>> written;
  for (int i = 0; i < 12; ++i) {
    auto shard = static_cast<ShardNumber>(i % 2);
    std::string payload = "payload " + std::to_string(i);
    append(shard, payload);
    auto& of_shard = written[shard];
    of_shard[of_shard.size()] = payload;
  }
  log.reset();
  auto whole = disk->after_kill();
  ASSERT_GT(names().size(), 2u);
  std::vector<std::string> segments = *whole->list();
  for (const std::string& name : segments) {
    std::string bytes = whole->content(name);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      // Zeros reserved ahead are many and all alike.
      if (at > 4000 && at % 4093 != 0) continue;
      SCOPED_TRACE(name + " byte " + std::to_string(at));
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
      log.reset();
      disk = whole->after_kill();
      disk->set_content(name, flipped);
      auto verified = verify(*disk);
      if (verified) {
        EXPECT_TRUE(!verified->damage.empty() || verified->torn_bytes > 0);
      }
      auto opened = try_open(*disk);
      if (!opened) {
        EXPECT_THAT(opened.error().message, HasSubstr(name));
        continue;
      }
      bool complete = true;
      bool told = !log->damage().empty() || !log->recovery_notes().empty();
      for (auto& [shard, expected] : written) {
        ShardContent content = content_of(*log, shard);
        told |= content.failures > 0 || !log->damage().empty();
        for (auto& [offset, payload] : content.payloads)
          ASSERT_TRUE(expected.contains(offset) && expected[offset] == payload);
        complete &= content.payloads.size() == expected.size();
        // Whatever was hit, no offset is given a second time.
        ASSERT_GE(log->end_offset(shard), expected.size());
      }
      // Of a sealed segment only what is read is checked; the rest is verify()'s.
      EXPECT_TRUE(told || complete);
      ASSERT_FALSE(HasFailure());
    }
  }
}

TEST_F(RecoveryTest, DamageInTheOpenSegmentIsListedAndTheRestIsServed) {
  open();
  append(0, "first");
  append(0, std::string(50, '#'));
  append(0, "third");
  std::string segment = only_segment();
  std::string bytes = disk->content(segment);
  bytes[bytes.find("####")] = '!';
  use(image_with(segment, bytes));
  open();

  ASSERT_THAT(log->damage(), SizeIs(1));
  EXPECT_EQ(log->damage()[0].segment, segment);
  EXPECT_THAT(log->damage()[0].what, HasSubstr("offsets 1 to 1"));
  EXPECT_EQ(log->read(0, 0, 10, 1000)->records.size(), 1u);
  auto damaged = log->read(0, 1, 10, 1000);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().fault, Fault::corrupt);
  EXPECT_THAT(damaged.error().message, HasSubstr(segment));
  EXPECT_EQ(log->end_of_damage(0, 1), 2u);
  EXPECT_EQ(log->end_of_damage(0, 2), std::nullopt);
  EXPECT_EQ(log->read(0, 2, 10, 1000)->records[0].payload, "third");
  EXPECT_EQ(disk->content(segment).substr(0, 100), bytes.substr(0, 100)) << "bytes are kept";
}

TEST_F(RecoveryTest, RecordsThatADamagedGroupHeaderHidesLeaveAGapAndNoOffsetTwice) {
  open();
  append(0, "first");
  std::uint64_t second = log->statistics().bytes;
  append(0, "hidden");
  append(1, "other shard");
  std::string segment = only_segment();
  std::string bytes = disk->content(segment);
  bytes[second + 20] = static_cast<char>(bytes[second + 20] ^ 1);
  use(image_with(segment, bytes));
  open();

  ASSERT_THAT(log->damage(), SizeIs(1));
  EXPECT_EQ(log->damage()[0].file_position, second);
  EXPECT_THAT(payloads(1), ElementsAre("other shard"));
  Offset next = log->end_offset(0);
  EXPECT_GE(next, 2u);
  EXPECT_EQ(log->read(0, 1, 10, 1000).error().fault, Fault::corrupt);
  EXPECT_EQ(log->end_of_damage(0, 1), next);
  append(0, "later");
  kill_and_open();
  EXPECT_EQ(log->end_of_damage(0, 1), next);
  EXPECT_EQ(log->read(0, next, 10, 1000)->records[0].payload, "later");
}

TEST_F(RecoveryTest, AfterACleanEndEvenTheLastGroupCannotPassForTorn) {
  open();
  append(0, "first");
  append(0, "last ####");
  log.reset();
  std::string segment = only_segment();
  std::string bytes = disk->content(segment);
  bytes[bytes.find("####")] = '!';
  use(image_with(segment, bytes));
  open();
  EXPECT_THAT(log->damage(), SizeIs(1));
  EXPECT_EQ(log->end_offset(0), 2u);
}

TEST_F(RecoveryTest, AnUnsyncedGroupBehindATornOneIsCutOffWithIt) {
  options.sync = Sync::none;
  open();
  append(0, "first");
  std::uint64_t second = log->statistics().bytes;
  append(0, "torn ####");
  append(0, "whole, but what stands before it is not");
  std::string segment = only_segment();
  std::string bytes = disk->content(segment);
  bytes[bytes.find("####")] = '!';
  use(image_with(segment, bytes));
  open();
  EXPECT_THAT(payloads(0), ElementsAre("first"));
  EXPECT_THAT(log->damage(), SizeIs(0));
  EXPECT_EQ(log->statistics().bytes, second);
}

TEST_F(RecoveryTest, NothingIsAppendedToADamagedSegmentAndWhatFollowsIsKept) {
  open();
  append(0, "before");
  append(0, "hit ####");
  append(0, "behind");
  std::string segment = only_segment();
  std::string bytes = disk->content(segment);
  bytes[bytes.find("####")] = '!';
  use(image_with(segment, bytes));

  open();
  ASSERT_THAT(log->damage(), SizeIs(1));
  std::string kept = disk->content(segment);
  for (std::string payload : {"later", "much later"}) {
    append(0, payload);
    kill_and_open();
    EXPECT_THAT(log->damage(), SizeIs(1));
  }

  EXPECT_EQ(disk->content(segment), kept);
  EXPECT_THAT(names(), SizeIs(2));
  EXPECT_EQ(content_of(*log, 0).payloads.at(4), "much later");
}

TEST_F(RecoveryTest, ACrashAtTheStartOfASegmentIsNoDamage) {
  fill_segments();
  std::string last = names().back();
  std::string bytes = disk->content(last);
  auto whole = disk->after_kill();
  auto header = segment_header_length(std::string_view(bytes).substr(0, segment_prefix_bytes));
  for (std::size_t size : {std::size_t{0}, std::size_t{5}, std::size_t{30}, *header - 1, *header}) {
    SCOPED_TRACE(size);
    log.reset();
    disk = whole->after_kill();
    disk->set_content(last, bytes.substr(0, size));
    open();
    EXPECT_THAT(log->damage(), SizeIs(0));
    EXPECT_EQ(payloads(0).size(), 5u);
    append(0, "again");
    kill_and_open();
    EXPECT_EQ(payloads(0).back(), "again");
    EXPECT_EQ(payloads(0).size(), 6u);
  }
}

TEST_F(RecoveryTest, AHeaderlessOnlySegmentOfAnOldLogIsRefusedSinceOffsetsWouldRepeat) {
  fill_segments();
  while (names().size() > 1) remove(names().front());
  disk->set_content(only_segment(), "");
  auto opened = try_open(*disk);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault, Fault::corrupt);
}

TEST_F(RecoveryTest, AMissingMiddleSegmentIsAGapThatCanBeSteppedOver) {
  fill_segments();
  remove(names()[2]);
  open();
  ASSERT_THAT(log->damage(), SizeIs(1));
  EXPECT_THAT(log->damage()[0].what, HasSubstr("shard 0 offsets 2 to 2"));
  EXPECT_EQ(log->read(0, 2, 1, 1).error().fault, Fault::corrupt);
  EXPECT_EQ(log->end_of_damage(0, 2), 3u);
  EXPECT_EQ(content_of(*log, 0).payloads.size(), 5u);
  EXPECT_THAT(verify(*disk)->damage, SizeIs(1));
}

TEST_F(RecoveryTest, ATruncatedMiddleSegmentLosesOnlyItsOwnRecords) {
  fill_segments();
  std::string bytes = disk->content(names()[2]);
  for (std::size_t size = 0; size < bytes.size(); size += 7) {
    SCOPED_TRACE(size);
    log.reset();
    disk->set_content(names()[2], bytes.substr(0, size));
    auto image = disk->after_kill();
    ASSERT_TRUE(try_open(*image));
    EXPECT_FALSE(log->damage().empty());
    EXPECT_GE(content_of(*log, 0).payloads.size(), 5u);
    EXPECT_EQ(log->end_offset(0), 6u);
    log.reset();
  }
}

TEST_F(RecoveryTest, ADamagedFooterIsRebuiltFromTheGroups) {
  fill_segments();
  std::string bytes = disk->content(names()[1]);
  bytes[bytes.size() - 40] = static_cast<char>(bytes[bytes.size() - 40] ^ 4);
  disk->set_content(names()[1], bytes);
  open();
  EXPECT_THAT(log->damage(), SizeIs(1));
  EXPECT_EQ(payloads(0).size(), 6u);
}

TEST_F(RecoveryTest, ACopyOfASegmentUnderAnotherNameIsRefused) {
  fill_segments();
  disk->set_content(segment_name(99), disk->content(names()[1]));
  auto opened = try_open(*disk);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault, Fault::conflict);
  EXPECT_THAT(opened.error().message, HasSubstr(segment_name(99)));
}

TEST_F(RecoveryTest, AStrangeFileIsLeftAloneAndMentioned) {
  open();
  append(0, "x");
  log.reset();
  disk->set_content("lost+found.txt", "?");
  open();
  EXPECT_THAT(log->recovery_notes(), ElementsAre(HasSubstr("lost+found.txt")));
  EXPECT_EQ(disk->content("lost+found.txt"), "?");
}

TEST_F(RecoveryTest, ADamagedSegmentIsRetiredButItsFileIsKept) {
  fill_segments();
  std::string name = names()[0];
  std::string bytes = disk->content(name);
  bytes[bytes.find("record 0")] = '!';
  disk->set_content(name, bytes);
  open();
  EXPECT_EQ(log->read(0, 0, 1, 1).error().fault, Fault::corrupt);
  EXPECT_THAT(log->damage(), SizeIs(1));
  EXPECT_EQ(*log->retire(INT64_MAX, 0), 5u);
  EXPECT_EQ(log->first_offset(0), 5u);
  EXPECT_EQ(disk->content(name + ".damaged"), bytes);
}

TEST_F(RecoveryTest, ACrashAtAnyStepOfARecoveryIsRecoveredFrom) {
  open();
  append(0, "first");
  append(0, "torn ####");
  std::string segment = only_segment();
  std::string bytes = disk->content(segment);
  bytes[bytes.find("####")] = '!';
  auto torn = image_with(segment, bytes);
  for (std::uint64_t step = 0;; ++step) {
    SCOPED_TRACE(step);
    log.reset();
    auto image = torn->after_kill();
    image->take_image_at_change(step, 1000 + step);
    ASSERT_TRUE(try_open(*image));
    log.reset();
    auto crashed = image->taken_image();
    if (!crashed) {
      EXPECT_GT(step, 5u);
      break;
    }
    disk = std::move(crashed);
    open();
    EXPECT_THAT(payloads(0), ElementsAre("first"));
    EXPECT_THAT(log->damage(), SizeIs(0));
    append(0, "later");
    kill_and_open();
    EXPECT_THAT(payloads(0), ElementsAre("first", "later"));
    std::size_t copies = 0;
    for (const std::string& name : names()) copies += is_torn_copy(name) ? 1 : 0;
    EXPECT_GE(copies, 1u);
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
}  // namespace tailrace::log
