// The list of runs of a state; see run_list.h.
#include "weir/runtime/run_list.h"

#include <algorithm>

namespace weir {

void RunList::reset() {
  for (const RunInfo& run : runs_) obsolete_.push_back(run.file);
  runs_.clear();
}

std::vector<RunInfo> RunList::begin_merge(bool& is_oldest) {
  if (merging_) return {};
  const MergeChoice choice = choose_merge(runs_);
  if (choice.empty()) return {};
  merging_ = true;
  is_oldest = choice.first == 0;
  return {runs_.begin() + static_cast<std::ptrdiff_t>(choice.first),
          runs_.begin() + static_cast<std::ptrdiff_t>(choice.last)};
}

void RunList::merged(const std::vector<RunInfo>& inputs, RunInfo output) {
  merging_ = false;
  const auto first = std::search(runs_.begin(), runs_.end(), inputs.begin(), inputs.end());
  if (first == runs_.end()) {  // the list was reset meanwhile
    obsolete_.push_back(output.file);
    return;
  }
  for (const RunInfo& input : inputs) obsolete_.push_back(input.file);
  *first = std::move(output);
  runs_.erase(first + 1, first + static_cast<std::ptrdiff_t>(inputs.size()));
}

}  // namespace weir
