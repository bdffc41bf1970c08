// The job of the benchmarks `cost`, `exchange` and `hot`: 64-byte events from the generator of
// twins/cost_twin.h, a filter, a map, a key_by, and totals for each user.
#pragma once

#include <cstdint>

#include "weir/base/time.h"

namespace weir::bench {

struct CostJob {
  std::uint64_t events = 0, keys = 0;
  std::uint32_t subtasks = 1;                       ///< each on a thread of its own
  weir::Duration interval = std::chrono::hours(1);  ///< of checkpoints
  std::uint32_t hot_percent = 0;                    ///< of the events, all of one key
  bool whole_events = false;    ///< totals by `process`, which takes each event itself
  std::uint32_t operators = 0;  ///< further maps between the doubling and the key_by
};

struct CostRun {
  double ns_per_event = 0;                ///< wall time over all events
  std::uint64_t checksum = 0, users = 0;  ///< as in CostResult; of one subtask only
};

/// Runs the job in this process, from nothing to its end. One at a time.
CostRun run_cost_job(const CostJob& job);

}  // namespace weir::bench
