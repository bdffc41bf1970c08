// How fast the steps of a job have got on lately: counters that are looked at once a second, over
// the last five. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "weir/runtime/task_clock.h"

namespace weir {

/// What a step in a subtask has counted by some moment.
struct StepSample {
  std::uint64_t records_in = 0, records_out = 0;
  TaskTimes times;
};

/// In a second. Of several subtasks: their records together, and the mean of their times.
struct StepRates {
  double records_in = 0, records_out = 0;
  std::array<double, kTaskActivities> share{};  ///< of the time, from 0 to 1, by TaskActivity
  double of(TaskActivity activity) const { return share[static_cast<std::size_t>(activity)]; }
};

class RateMeter {
 public:
  /// Whether a second has passed since the last sample.
  bool due(SteadyTime now) const;
  /// The counters of all parts, always in the same order.
  void add(SteadyTime now, std::vector<StepSample> samples);
  /// The rates of the parts with these numbers together; zeros before there are two samples.
  StepRates of(const std::vector<std::size_t>& parts) const;
  /// Begins anew.
  void clear() { looks_.clear(); }

 private:
  struct Look {
    SteadyTime at;
    std::vector<StepSample> samples;
  };
  std::deque<Look> looks_;
};

}  // namespace weir
