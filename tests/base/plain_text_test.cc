// Control characters: found, shown and refused.
#include "weir/base/plain_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;

TEST(PlainText, ControlCharactersAreFoundAndShown) {
  for (const char* plain : {"", "a b", "\xc2\xa0", "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80~"}) {
    EXPECT_EQ(find_control(plain), std::string::npos) << plain;
    EXPECT_EQ(printable(plain), plain);
  }
  EXPECT_EQ(find_control("ab\x1b[31m"), 2u);
  EXPECT_EQ(printable("ab\x1b[31m"), "ab\\x1b[31m");
  EXPECT_EQ(find_control("a\0b"s), 1u);
  EXPECT_EQ(printable("a\0b\n\t\x7f"s), "a\\x00b\\n\\x09\\x7f");
  EXPECT_EQ(printable("a\nb\tc\rd", "\n\t"), "a\nb\tc\\x0dd");
  EXPECT_EQ(find_control("\xc3\xbc\xc2\x9b"
                         "31m"),
            2u);  // what ESC [ is in one character
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m");
  EXPECT_EQ(printable("\x9b\xff\xc3"), "\\x9b\\xff\\xc3");  // no UTF-8
  EXPECT_EQ(find_control("a\xff"), 1u);
}

TEST(PlainText, ErrorsNameFieldAndPlace) {
  EXPECT_TRUE(check_plain("name", "carts \xc3\xbc", 8).ok());
  const auto why = [](std::string_view text) {
    const Status status = check_plain("name", text, 8);
    EXPECT_EQ(status.error().code, ErrorCode::invalid_argument);
    return status.error().message;
  };
  EXPECT_EQ(why("123456789"), "'name' has 9 bytes; it may have 8");
  EXPECT_THAT(why("ab\ncd"), HasSubstr("'name' must have no control characters"));
  EXPECT_THAT(why("ab\ncd"), HasSubstr("at byte 2 it has \\n"));
  EXPECT_THAT(why("ab\0"s), HasSubstr("at byte 2 it has \\x00"));
}

}  // namespace
}  // namespace weir
