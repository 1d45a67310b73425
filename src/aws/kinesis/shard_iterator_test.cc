#include "aws/kinesis/shard_iterator.h"

#include <gtest/gtest.h>

#include "base/base64.h"

namespace tailrace::aws::kinesis {
namespace {

const ShardIterator place{std::string(128, 'n'), 0xfedcba9876543210, 4'000'000'000, 1ull << 62,
                          1'700'000'000'123};

TEST(ShardIteratorTest, ComesBackAsItWasAndFitsIntoWhatClientsArePromised) {
  ShardIterators iterators(std::string(32, 'k'));
  auto text = iterators.seal(place);
  EXPECT_EQ(text.size(), 244u);
  EXPECT_EQ(iterators.open(text), place);
  EXPECT_EQ(ShardIterators(std::string(32, 'k')).open(text), place) << "after a restart";
}

TEST(ShardIteratorTest, IsAnotherTextEachTime) {
  ShardIterators iterators(std::string(32, 'k'));
  EXPECT_NE(iterators.seal(place), iterators.seal(place));
}

TEST(ShardIteratorTest, MayBePastedWithItsQuotes) {
  ShardIterators iterators(std::string(32, 'k'));
  EXPECT_EQ(iterators.open("\"" + iterators.seal(place) + "\""), place);
}

TEST(ShardIteratorTest, OneThatWeDidNotMakeIsNone) {
  ShardIterators iterators(std::string(32, 'k'));
  auto text = iterators.seal(place);
  auto bytes = *from_base64(text);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(iterators.open(base64(changed)).has_value()) << "byte " << i;
  }
  EXPECT_FALSE(ShardIterators(std::string(32, 'l')).open(text).has_value());
  for (const char* other : {"", "\"", "\"\"", "AAAA", "not base64"})
    EXPECT_FALSE(iterators.open(other).has_value()) << other;
  EXPECT_FALSE(iterators.open(text.substr(4)).has_value());
  EXPECT_FALSE(iterators.open(text + text).has_value());
}

}  // namespace
}  // namespace tailrace::aws::kinesis
