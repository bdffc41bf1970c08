// Results and checks: what callers of fallible functions rely on.
#include "weir/base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace weir {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return Error{ErrorCode::invalid_argument, "odd", false};
  return n / 2;
}

Result<int> quarter(int n) {
  WEIR_ASSIGN(const int h, half(n));
  WEIR_ASSIGN(const int q, half(h));
  return q;
}

Status both_even(int a, int b) {
  WEIR_TRY(half(a));
  WEIR_TRY(half(b));
  return {};
}

TEST(Result, CarriesAValueOrAnError) {
  EXPECT_EQ(half(4).value(), 2);
  EXPECT_FALSE(half(3).ok());
  EXPECT_EQ(half(3).error().code, ErrorCode::invalid_argument);
}

TEST(Result, TryAndAssignHandTheErrorUp) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).error().message, "odd");
  EXPECT_TRUE(both_even(2, 4).ok());
  EXPECT_FALSE(both_even(2, 3).ok());
}

TEST(Result, MovesAMoveOnlyValueOut) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  const std::unique_ptr<int> value = std::move(result).value();
  EXPECT_EQ(*value, 7);
}

TEST(ResultDeathTest, ValueOfAnErrorAbortsWithItsMessage) {
  EXPECT_DEATH({ [[maybe_unused]] const int v = half(3).value(); }, "odd");
  EXPECT_DEATH({ [[maybe_unused]] const Error e = half(2).error(); }, "holds a value");
}

TEST(CheckDeathTest, NamesConditionPlaceAndInvariant) {
  EXPECT_DEATH(WEIR_CHECK(1 + 1 == 3, "sums are wrong"),
               "result_test.cc:[0-9]+: 1 \\+ 1 == 3 is false: sums are wrong");
}

TEST(ErrorCode, EveryCodeHasAName) {
  for (int number = 0; number <= static_cast<int>(ErrorCode::peer_lost); ++number) {
    const auto code = static_cast<ErrorCode>(number);
    EXPECT_STRNE(to_string(code), "unknown") << number;
    EXPECT_EQ(parse_error_code(to_string(code)), code);
  }
}

TEST(ErrorCode, OneThatIsNotKnownHereIsAFailureOfAnyKind) {
  EXPECT_EQ(parse_error_code("of_a_newer_version"), ErrorCode::io);
  EXPECT_EQ(parse_error_code(""), ErrorCode::io);
}

}  // namespace
}  // namespace weir
