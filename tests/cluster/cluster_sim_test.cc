// A cluster of 3 coordinators and 50 workers in one thread, from many seeds (sim_cluster.h).
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

#include "tests/cluster/sim_cluster.h"

namespace weir::cluster::sim {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kRuns = 200;
#else
constexpr std::uint64_t kRuns = 6000;
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
         " --gtest_filter='Seeds/ClusterSim.*/0'";
}

std::string run_seed(std::uint64_t seed) {
  SimCluster cluster(seed);
  const std::string problem = cluster.run();
  EXPECT_EQ(problem, "") << "seed " << seed << ": " << cluster.summary()
                         << "\nreplay: " << replay_command(seed);
  return cluster.summary();
}

class ClusterSim : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(ClusterSim, ComesToRestWhateverHappens) {
  if (const auto seed = number_of("WEIR_SIM_SEED")) {
    if (GetParam() == 0) std::cout << run_seed(*seed) << "\n";
    return;
  }
  const std::uint64_t first = number_of("WEIR_SIM_FIRST").value_or(1);
  const std::uint64_t runs = number_of("WEIR_SIM_RUNS").value_or(kRuns);
  for (std::uint64_t i = GetParam(); i < runs && !HasFailure(); i += kBlocks) run_seed(first + i);
}
INSTANTIATE_TEST_SUITE_P(Seeds, ClusterSim, ::testing::Range<std::uint64_t>(0, kBlocks));

TEST(ClusterSimReplay, DoesTheSameThing) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SimCluster once(seed), again(seed);
    once.run();
    again.run();
    EXPECT_EQ(once.steps(), again.steps());
    EXPECT_EQ(once.history(), again.history()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace weir::cluster::sim
