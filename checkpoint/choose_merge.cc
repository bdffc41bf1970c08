// When to merge runs: tiers of four, as in size-tiered LSM trees (O'Neil et al. 1996; the tiering
// of Dayan and Idreos 2018).
#include <algorithm>
#include <cstdint>

#include "weir/checkpoint/run.h"

namespace weir {
namespace {

constexpr std::size_t kFanIn = 4;
// Below this a run costs its opening and a seek, not its bytes: small ones count as equals.
constexpr std::uint64_t kFloorBytes = 64 * 1024;

std::uint64_t weight(const RunInfo& run) { return std::max(run.size_bytes, kFloorBytes); }

}  // namespace

// Merges the longest tail whose first run weighs at most a third of what is newer. What then is
// left untouched satisfies weight[i] > newer / 3, so the list has at most log(total) / log(4/3)
// runs (three a tier when checkpoints are alike). A run that has been merged once weighs more than
// a third of what is newer until enough arrives, so each rewrite multiplies the size of the run a
// byte lies in.
MergeChoice choose_merge(const std::vector<RunInfo>& oldest_first) {
  MergeChoice choice;
  std::uint64_t newer = 0;
  for (std::size_t i = oldest_first.size(); i-- > 0;) {
    const std::uint64_t own = weight(oldest_first[i]);
    if (oldest_first.size() - i >= kFanIn && own <= newer / (kFanIn - 1)) {
      choice = {i, oldest_first.size()};
    }
    newer += own;
  }
  return choice;
}

}  // namespace weir
