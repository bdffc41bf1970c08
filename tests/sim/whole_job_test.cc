// A whole job in one thread, on simulated time and storage, from many seeds (scenario.h).
//
//   WEIR_SIM_SEED=n    replays one seed; with WEIR_SIM_TELL=1 it tells its story
//   WEIR_SIM_RUNS=n    runs that many seeds instead of the usual number
//   WEIR_SIM_FIRST=n   begins at that seed
//
// A seed means something only together with the commit that drew from it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <optional>

#include "tests/sim/scenario.h"
#include "weir/base/log.h"

namespace weir::sim {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kRuns = 40;
#else
constexpr std::uint64_t kRuns = 2200;
#endif
constexpr std::uint64_t kBlocks = 4;  // tests, so that several cores have something to do

std::optional<std::uint64_t> number_of(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  return std::strtoull(text, nullptr, 10);
}

/// The command that runs one seed again.
std::string replay_command(std::uint64_t seed) {
  char path[4096];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
  const std::string program = size > 0 ? std::string(path, static_cast<std::size_t>(size)) : "?";
  return "WEIR_SIM_SEED=" + std::to_string(seed) + " " + program +
         " --gtest_filter='Seeds/WholeJob.*/0'";
}

Summary run_seed(std::uint64_t seed) {
  Scenario scenario(seed);
  const std::string problem = scenario.run();
  EXPECT_EQ(problem, "") << "seed " << seed << ": " << scenario.summary().text() << "\n"
                         << scenario.shape().text() << "\nreplay: " << replay_command(seed);
  return scenario.summary();
}

class WholeJob : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  // Faults are the rule here, so that warnings about them say nothing.
  void SetUp() override {
    if (std::getenv("WEIR_LOG") == nullptr) set_log_level(LogLevel::off);
  }
};

TEST_P(WholeJob, GivesItsAnswerWhateverHappens) {
  if (const auto seed = number_of("WEIR_SIM_SEED")) {
    if (GetParam() == 0) std::cout << run_seed(*seed).text() << "\n";
    return;
  }
  const std::uint64_t first = number_of("WEIR_SIM_FIRST").value_or(1);
  const std::uint64_t runs = number_of("WEIR_SIM_RUNS").value_or(kRuns);
  for (std::uint64_t i = GetParam(); i < runs && !HasFailure(); i += kBlocks) run_seed(first + i);
}
INSTANTIATE_TEST_SUITE_P(Seeds, WholeJob, ::testing::Range<std::uint64_t>(0, kBlocks));

class Replay : public WholeJob {};

TEST_P(Replay, DoesTheSameThing) {
  const Summary once = run_seed(GetParam()), again = run_seed(GetParam());
  EXPECT_EQ(once.steps, again.steps);
  EXPECT_EQ(once.history, again.history) << "the storage was used differently";
  EXPECT_EQ(once.output, again.output);
}
INSTANTIATE_TEST_SUITE_P(Seeds, Replay, ::testing::Range<std::uint64_t>(1, 6));

}  // namespace
}  // namespace weir::sim
