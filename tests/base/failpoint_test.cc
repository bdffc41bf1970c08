// Failpoints: arming, counting, and dying in a child process.
#include "weir/base/failpoint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <thread>
#include <vector>

namespace weir {
namespace {

Status fallible() { return WEIR_FAILPOINT_STATUS("test.fallible"); }
void passed() { WEIR_FAILPOINT("test.passed"); }
// Never called: its name must be listed all the same.
[[maybe_unused, gnu::used]] void never_passed() { WEIR_FAILPOINT("test.never_passed"); }

class Failpoint : public ::testing::Test {
 protected:
  ~Failpoint() override { EXPECT_TRUE(arm_failpoints("").ok()); }
};
using FailpointDeathTest = Failpoint;

TEST_F(Failpoint, NothingHappensUnarmed) { EXPECT_TRUE(fallible().ok()); }

TEST_F(Failpoint, NamesAreKnownBeforeTheyArePassed) {
  const std::vector<std::string> names = failpoint_names();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(std::count(names.begin(), names.end(), "test.never_passed"), 1);
  EXPECT_EQ(std::count(names.begin(), names.end(), "test.fallible"), 1);
}

TEST_F(Failpoint, ErrorAtTheGivenPassOnly) {
  ASSERT_TRUE(arm_failpoints("test.fallible=error@2").ok());
  EXPECT_TRUE(fallible().ok());
  const Status second = fallible();
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::io);
  EXPECT_NE(second.error().message.find("test.fallible"), std::string::npos);
  EXPECT_TRUE(fallible().ok());
}

TEST_F(Failpoint, ErrorWithoutANumberIsTheFirstPassAndAStarIsEvery) {
  ASSERT_TRUE(arm_failpoints("test.fallible=error").ok());
  EXPECT_FALSE(fallible().ok());
  EXPECT_TRUE(fallible().ok());
  ASSERT_TRUE(arm_failpoints("test.fallible=error@*").ok());
  EXPECT_FALSE(fallible().ok());
  EXPECT_FALSE(fallible().ok());
}

TEST_F(Failpoint, ArmingReplacesAndCountsAnew) {
  ASSERT_TRUE(arm_failpoints("test.fallible=error@2").ok());
  EXPECT_TRUE(fallible().ok());
  ASSERT_TRUE(arm_failpoints("test.fallible=error@2;test.passed=sleep:1").ok());
  EXPECT_TRUE(fallible().ok());
  EXPECT_FALSE(fallible().ok());
  ASSERT_TRUE(arm_failpoints("").ok());
  EXPECT_TRUE(fallible().ok());
}

TEST_F(Failpoint, SleepsAtEachPass) {
  ASSERT_TRUE(arm_failpoints("test.passed=sleep:20").ok());
  const auto start = std::chrono::steady_clock::now();
  passed();
  passed();
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(40));
}

TEST_F(Failpoint, AMalformedSpecIsRefusedAndChangesNothing) {
  ASSERT_TRUE(arm_failpoints("test.fallible=error@*").ok());
  for (const char* spec : {"x", "=kill", "x=", "x=die", "x=kill@", "x=kill@0", "x=kill@-1",
                           "x=kill@1x", "x=sleep", "x=sleep:", "x=sleep:1s", "a=kill;b"}) {
    const Status status = arm_failpoints(spec);
    ASSERT_FALSE(status.ok()) << spec;
    EXPECT_EQ(status.error().code, ErrorCode::invalid_argument);
  }
  EXPECT_FALSE(fallible().ok());
}

TEST_F(Failpoint, CountsPassesOfAllThreadsTogether) {
  ASSERT_TRUE(arm_failpoints("test.fallible=error@500").ok());
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&failures] {
      for (int n = 0; n < 250; ++n) failures += !fallible().ok();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 1);
}

TEST_F(FailpointDeathTest, KillsAtTheGivenPass) {
  EXPECT_EXIT(
      {
        static_cast<void>(arm_failpoints("test.passed=kill@3"));
        passed();
        passed();
        std::fputs("twice ", stderr);
        passed();
        std::fputs("survived", stderr);
      },
      ::testing::KilledBySignal(SIGKILL), "^twice $");
}

}  // namespace
}  // namespace weir
