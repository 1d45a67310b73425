#include "base/base64.h"

#include <gtest/gtest.h>

namespace tailrace {

// Vectors of RFC 4648 section 10.
TEST(Base64, MatchesThePublishedVectors) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (auto [bytes, text] : vectors) {
    EXPECT_EQ(base64(bytes), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
}

TEST(Base64, RefusesWhatIsNotCanonical) {
  for (const char* text : {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zm 9", "Zg==Zg==", "====", "Zm9v\n"})
    EXPECT_FALSE(from_base64(text).has_value()) << text;
}

}  // namespace tailrace
