#include "base/random.h"

#include <gtest/gtest.h>

#include <set>

namespace tailrace {

TEST(RandomBytes, AreAsManyAsAskedForAndOthersEachTime) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random_bytes(16));
  EXPECT_EQ(seen.size(), 1000u);
  for (std::size_t count : {0u, 1u, 32u, 256u}) EXPECT_EQ(random_bytes(count).size(), count);
}

}  // namespace tailrace
