#include "base/memory_directory.h"

#include <gtest/gtest.h>
#include <sys/uio.h>

namespace tailrace {
namespace {

Result<void> put(File& file, std::uint64_t at, std::string text) {
  ::iovec piece{text.data(), text.size()};
  return file.write(at, &piece, 1);
}

TEST(MemoryDirectoryTest, APowerCutKeepsWhatWasSyncedWithItsName) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    MemoryDirectory disk;
    auto file = disk.open("a", Directory::Open::create_new);
    ASSERT_TRUE(put(**file, 0, "kept"));
    ASSERT_TRUE((*file)->sync());
    ASSERT_TRUE(disk.sync());
    ASSERT_TRUE(put(**file, 4, "lost or not"));
    EXPECT_EQ(disk.after_power_cut(seed)->content("a").substr(0, 4), "kept");
  }
}

TEST(MemoryDirectoryTest, APowerCutMayLoseBytesAndNamesThatWereNotSynced) {
  bool lost_name = false, lost_bytes = false, kept = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    MemoryDirectory disk;
    auto file = disk.open("a", Directory::Open::create_new);
    ASSERT_TRUE(put(**file, 0, "text"));
    auto after = disk.after_power_cut(seed);
    lost_name |= after->list()->empty();
    lost_bytes |= !after->list()->empty() && after->content("a").empty();
    kept |= after->content("a") == "text";
  }
  EXPECT_TRUE(lost_name && lost_bytes && kept);
}

TEST(MemoryDirectoryTest, AFailedSyncShowsBytesThatNoLaterSyncMakesDurable) {
  MemoryDirectory disk;
  auto file = disk.open("a", Directory::Open::create_new);
  ASSERT_TRUE(disk.sync());
  ASSERT_TRUE(put(**file, 0, "text"));
  disk.fail_sync(0);
  EXPECT_FALSE((*file)->sync());
  EXPECT_TRUE((*file)->sync());
  EXPECT_EQ(disk.content("a"), "text");
  EXPECT_EQ(disk.after_power_cut(1)->content("a"), "");
}

TEST(MemoryDirectoryTest, WithoutRoomAllocatingIsFullAndChangesNothing) {
  MemoryDirectory disk;
  disk.set_room(10);
  auto file = disk.open("a", Directory::Open::create_new);
  auto allocated = (*file)->allocate(11);
  ASSERT_FALSE(allocated);
  EXPECT_EQ(allocated.error().fault, Fault::full);
  EXPECT_EQ(*(*file)->size(), 0u);
  EXPECT_TRUE((*file)->allocate(10));
}

TEST(MemoryDirectoryTest, AnImageIsTakenJustBeforeTheChosenChange) {
  MemoryDirectory disk;
  disk.set_content("a", "1");
  disk.take_image_at_change(1, 0);
  auto file = disk.open("a", Directory::Open::existing);
  ASSERT_TRUE((*file)->truncate(0));
  ASSERT_TRUE((*file)->sync());
  ASSERT_TRUE(put(**file, 0, "2"));
  auto image = disk.taken_image();
  ASSERT_NE(image, nullptr);
  EXPECT_NE(image->content("a"), "2");
}

TEST(MemoryDirectoryTest, AFolderInsideHasItsOwnNames) {
  MemoryDirectory disk;
  auto inside = disk.subdirectory("x");
  ASSERT_TRUE((*inside)->open("a", Directory::Open::create_new));
  EXPECT_EQ(*(*inside)->list(), std::vector<std::string>{"a"});
  EXPECT_EQ(*disk.list(), std::vector<std::string>{"x"});
}

}  // namespace
}  // namespace tailrace
