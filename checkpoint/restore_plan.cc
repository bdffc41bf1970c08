// Who reads what after a change of parallelism: a pure function, tested for all p to q up to 16.
#include <algorithm>

#include "weir/checkpoint/store.h"

namespace weir {

std::vector<RestoreSlice> plan_state_restore(const StepManifest& step, KeyGroupRange groups) {
  std::vector<RestoreSlice> slices;
  for (const SubtaskManifest& old : step.subtasks) {
    const KeyGroupRange take{std::max(old.groups.begin, groups.begin),
                             std::min(old.groups.end, groups.end)};
    if (take.begin < take.end) slices.push_back({old.index, old.state, take});
  }
  return slices;
}

}  // namespace weir
