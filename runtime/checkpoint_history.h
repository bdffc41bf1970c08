// How the checkpoints of an attempt went: the newest one by one, and all of them in sums. Written
// by the coordinator's thread, read by anybody.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/checkpoint/protocol.h"

namespace weir {

/// What a checkpoint took in one task.
struct TaskPhases {
  std::chrono::nanoseconds alignment{};  ///< from the first barrier to the last
  std::chrono::nanoseconds pause{};      ///< nothing else went on
  std::chrono::nanoseconds write{};      ///< beside the records, until all is on disk
};

/// One after the other, each as the slowest task took.
struct CheckpointPhases : TaskPhases {
  std::chrono::nanoseconds manifest{};  ///< from the last task to the file that makes it exist
  std::chrono::nanoseconds commit{};    ///< from there until the sinks have committed
};

struct CheckpointRecord {
  enum class State : std::uint8_t { under_way, completed, failed };
  CheckpointId id = 0;
  CheckpointKind kind = CheckpointKind::periodic;
  State state = State::under_way;
  EventTime triggered_at{};             ///< wall time
  std::chrono::nanoseconds duration{};  ///< until it was completed or given up, or until now
  CheckpointPhases phases;
  std::uint32_t tasks = 0, acknowledged = 0;
  std::uint64_t size_bytes = 0;  ///< of all files that it names, also those of earlier ones
  std::string failure;
};

/// All checkpoints of the attempt. Times are of those that were completed.
struct CheckpointTotals {
  std::uint64_t completed = 0, failed = 0;
  std::chrono::nanoseconds duration{};
  CheckpointPhases phases;
  std::uint64_t newest_bytes = 0;
};

const char* to_string(CheckpointKind kind);
const char* to_string(CheckpointRecord::State state);

class CheckpointHistory {
 public:
  /// `id` has been triggered in so many tasks.
  void begin(CheckpointId id, CheckpointKind kind, std::uint32_t tasks, EventTime wall,
             SteadyTime now);
  /// A task has done its part of the one under way; with the last one the manifest is written.
  void acknowledged(const TaskPhases& phases, SteadyTime now);
  /// `id` exists: the one under way, or one that had failed since its manifest was late.
  void completed(CheckpointId id, std::uint64_t size_bytes, SteadyTime now);
  void failed(const std::string& why, SteadyTime now);
  /// The sinks of a task have committed all up to `id`, so long after it was completed.
  void committed(CheckpointId id, std::chrono::nanoseconds took);

  /// The newest, newest first.
  std::vector<CheckpointRecord> newest(SteadyTime now) const;
  CheckpointTotals totals() const;

 private:
  struct Entry {
    CheckpointRecord record;
    SteadyTime began, last_acknowledged;
  };
  Entry* under_way();

  mutable std::mutex mutex_;   // guards all
  std::deque<Entry> entries_;  // newest first
  CheckpointTotals totals_;
};

}  // namespace weir
