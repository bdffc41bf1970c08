// A whole job in one thread, on simulated time and storage, from many seeds (scenario.h).
// Which seeds, says the environment (seeds.h).
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/sim/scenario.h"
#include "tests/sim/seeds.h"
#include "weir/base/log.h"

namespace weir::sim {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kRuns = 40;
#else
constexpr std::uint64_t kRuns = 2200;
#endif

Summary run_seed(std::uint64_t seed) {
  Scenario scenario(seed);
  const std::string problem = scenario.run();
  EXPECT_EQ(problem, "") << "seed " << seed << ": " << scenario.summary().text() << "\n"
                         << scenario.shape().text()
                         << "\nreplay: " << replay_command("WholeJob", seed);
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
  run_block(
      GetParam(), kRuns, [](std::uint64_t seed) { return run_seed(seed).text(); }, HasFailure);
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
