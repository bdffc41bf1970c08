// What of a flood of lines is written.
#include "weir/base/seldom_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr SteadyTime kStart{1h};

TEST(SeldomLines, EachIsWrittenOnceInAPauseAndSaysHowOftenItCame) {
  SeldomLines lines(1min);
  EXPECT_EQ(lines.pass("a", kStart), "a");
  EXPECT_EQ(lines.pass("a", kStart + 1s), std::nullopt);
  EXPECT_EQ(lines.pass("b", kStart + 1s), "b");
  EXPECT_EQ(lines.pass("a", kStart + 59s), std::nullopt);
  EXPECT_THAT(lines.pass("a", kStart + 60s), Optional(HasSubstr("2 times")));
  EXPECT_EQ(lines.pass("a", kStart + 61s), std::nullopt);
  EXPECT_EQ(lines.pass("b", kStart + 62s), "b") << "it came no more often";
}

TEST(SeldomLines, OfLinesThatSomebodyMakesUpFewAreWrittenAndKept) {
  SeldomLines lines(1min);
  int written = 0;
  for (int i = 0; i < 100'000; ++i) {
    written += lines.pass(std::to_string(i), kStart + i * 1us).has_value();
  }
  EXPECT_GT(written, 1000 / 2);
  EXPECT_LE(written, 1001);
  EXPECT_EQ(lines.pass("new", kStart + 2min), "new") << "there is room again";
}

}  // namespace
}  // namespace weir
