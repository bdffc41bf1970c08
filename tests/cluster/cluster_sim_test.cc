// A cluster of 3 coordinators and 50 workers in one thread, from many seeds (sim_cluster.h).
// Which seeds, says the environment (tests/sim/seeds.h).
#include <gtest/gtest.h>

#include "tests/cluster/sim_cluster.h"
#include "tests/sim/seeds.h"

namespace weir::cluster::sim {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kRuns = 200;
#else
constexpr std::uint64_t kRuns = 6000;
#endif
using weir::sim::kBlocks;

std::string run_seed(std::uint64_t seed) {
  SimCluster cluster(seed);
  const std::string problem = cluster.run();
  EXPECT_EQ(problem, "") << "seed " << seed << ": " << cluster.summary()
                         << "\nreplay: " << weir::sim::replay_command("ClusterSim", seed);
  return cluster.summary();
}

class ClusterSim : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(ClusterSim, ComesToRestWhateverHappens) {
  weir::sim::run_block(GetParam(), kRuns, run_seed, HasFailure);
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
