// Which splits of one source exist and which subtask reads each. Part of the coordinator.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/runtime/coordinator.h"
#include "weir/runtime/source.h"

namespace weir {

struct Coordinator::SourceSplits {
 public:
  explicit SourceSplits(std::uint32_t parallelism) : load_(parallelism) {}

  void assigned(const std::string& id, std::uint32_t subtask) {
    if (known_.insert(id).second) ++load_[subtask];
  }
  /// Gives each split that was not known to the subtask with the fewest; the answer is by subtask.
  std::vector<std::vector<NewSplit>> assign_new(std::vector<NewSplit> splits) {
    std::vector<std::vector<NewSplit>> fresh(load_.size());
    for (NewSplit& split : splits) {
      if (known_.contains(split.id)) continue;
      const auto least = std::min_element(load_.begin(), load_.end());
      const auto subtask = static_cast<std::uint32_t>(least - load_.begin());
      assigned(split.id, subtask);
      fresh[subtask].push_back(std::move(split));
    }
    announced_ = true;
    return fresh;
  }
  bool announced() const { return announced_; }
  const std::set<std::string>& known() const { return known_; }

  /// A look began at `now`; the next is due after `interval`, or never.
  void looking(SteadyTime now, std::optional<Duration> interval) {
    next_look_ = interval ? std::optional<SteadyTime>(now + *interval) : std::nullopt;
  }
  bool due(SteadyTime now) const { return announced_ && next_look_ && now >= *next_look_; }

 private:
  std::set<std::string> known_;
  std::vector<std::size_t> load_;  // splits of each subtask
  bool announced_ = false;
  std::optional<SteadyTime> next_look_;
};

}  // namespace weir
