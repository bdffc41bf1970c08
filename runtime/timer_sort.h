// Sorting a bucket of the timer queue. Used by the thread of the queue.
#pragma once

#include <cstdint>
#include <vector>

#include "weir/runtime/timer_queue.h"

namespace weir {

/// Sorts `list`, all within `1 << bits` ms of `start_ms`, the latest first and those of one time by
/// falling hash. In linear time when hashes are spread evenly (they are) or the list is in rising
/// order already, as after windows that ended together. `scratch` is for reuse.
void sort_falling(std::vector<TimerQueue::Due>& list, std::int64_t start_ms, int bits,
                  std::vector<TimerQueue::Due>& scratch);

}  // namespace weir
