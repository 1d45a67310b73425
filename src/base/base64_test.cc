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

// The bytes go where the text was.
TEST(Base64, DecodesInPlace) {
  std::string text = base64("the quick brown fox");
  auto count = decode_base64(text, text.data());
  ASSERT_TRUE(count.has_value());
  EXPECT_EQ(text.substr(0, *count), "the quick brown fox");
}

TEST(Base64, DecodesWhatItEncodedWhateverTheBytes) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) {
    bytes += static_cast<char>(i * 7 + i / 256);
    EXPECT_EQ(from_base64(base64(bytes)), bytes) << bytes.size();
  }
}

}  // namespace tailrace
