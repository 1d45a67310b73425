#include "base/json_text.h"

#include <gtest/gtest.h>

namespace tailrace {

TEST(JsonText, EscapesWhatJsonForbids) {
  EXPECT_EQ(json_string(""), "\"\"");
  EXPECT_EQ(json_string("a\"b\\c\n\r\t\b\f\x01\x1f"), R"("a\"b\\c\n\r\t\b\f\u0001\u001f")");
}

TEST(JsonText, FindsASpecialByteAtEveryPlaceOfALongText) {
  for (std::size_t at = 0; at < 40; ++at) {
    std::string text(40, 'x');
    text[at] = '"';
    std::string expected = "\"" + text.substr(0, at) + "\\\"" + text.substr(at + 1) + "\"";
    EXPECT_EQ(json_string(text), expected);
  }
}

TEST(JsonText, LeavesUtf8AsItIs) {
  EXPECT_EQ(json_string("grün – ключ 𝄞 and more than sixteen"),
            "\"grün – ключ 𝄞 and more than sixteen\"");
}

}  // namespace tailrace
