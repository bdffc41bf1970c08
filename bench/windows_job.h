// The job of bench `windows`: 24-byte events from the generator of twins/windows_twin.h, a key_by,
// windows of one kind, and a checksum of their results.
#pragma once

#include "bench/twins/windows_twin.h"
#include "weir/operators/window.h"

namespace weir::bench {

struct WindowsJob {
  std::uint64_t events = 0, keys = 0;
  WindowSpec spec;
  Duration interval = std::chrono::hours(1);  ///< of checkpoints
};

/// Runs the job in this process in one subtask, from nothing to its end. One at a time.
WindowsResult run_windows_job(const WindowsJob& job);

}  // namespace weir::bench
