#include "server/data_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace tailrace::server {
namespace {

class DataFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "tailrace-data-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    path = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(path); }

  std::string path;
};

TEST_F(DataFolderTest, IsMadeForItsOwnerAndGroupOnly) {
  auto folder = DataFolder::take(path + "/deep/data");
  ASSERT_TRUE(folder);
  struct stat about {};
  ASSERT_EQ(::stat((path + "/deep/data").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07, 0u);
}

TEST_F(DataFolderTest, TheSecondTakerIsToldWhoHasIt) {
  auto first = DataFolder::take(path);
  ASSERT_TRUE(first);

  auto second = DataFolder::take(path);

  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().fault, Fault::conflict);
  EXPECT_NE(second.error().message.find(path), std::string::npos);
  EXPECT_NE(second.error().message.find("process " + std::to_string(::getpid()) + ";"),
            std::string::npos)
      << second.error().message;
}

TEST_F(DataFolderTest, WhatAnEndedProcessLeftDoesNotLockAnyoneOut) {
  { ASSERT_TRUE(DataFolder::take(path)); }
  ASSERT_TRUE(std::filesystem::exists(path + "/lock"));
  EXPECT_TRUE(DataFolder::take(path));
}

TEST_F(DataFolderTest, WhatStandsAgainstItIsNamed) {
  ASSERT_TRUE(replace_file(path + "/data", "not a folder"));
  for (const std::string& place :
       {path + "/data", path + "/data/below", path + "/" + std::string(300, 'n')}) {
    auto folder = DataFolder::take(place);
    ASSERT_FALSE(folder);
    EXPECT_EQ(folder.error().fault, Fault::conflict);
    EXPECT_NE(folder.error().message.find(place), std::string::npos) << folder.error().message;
    EXPECT_NE(folder.error().message.find("set another folder"), std::string::npos);
  }
}

}  // namespace
}  // namespace tailrace::server
