// Where the time of a task goes. Every moment since its thread first stepped it counts as one of
// four: at work, waiting for its turn on a thread that it shares, held up by what does not take its
// output, or without anything to do. They add up to the time that has passed.
//
// Written by the thread of the task, two writes a step, without a lock; read by anybody.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

#include "weir/base/clock.h"

namespace weir {

enum class TaskActivity : std::uint8_t {
  busy,           ///< being stepped, with something to do
  waiting,        ///< it could go on, but its thread steps another task or drives the network
  backpressured,  ///< its output has no room; or its state or its sink is behind with writing
  idle,           ///< nothing has arrived and nothing is due
};
inline constexpr std::size_t kTaskActivities = 4;

/// How long a task has been at each, since it began.
struct TaskTimes {
  std::array<std::chrono::nanoseconds, kTaskActivities> spent{};
  std::chrono::nanoseconds of(TaskActivity activity) const {
    return spent[static_cast<std::size_t>(activity)];
  }
  TaskTimes& operator+=(const TaskTimes& more) {
    for (std::size_t i = 0; i < kTaskActivities; ++i) spent[i] += more.spent[i];
    return *this;
  }
  friend bool operator==(const TaskTimes&, const TaskTimes&) = default;
};

class TaskClock {
 public:
  /// The task's thread: from `now` on the task is at `next`. What has passed since the last turn
  /// belongs to what it was at before.
  void turn(TaskActivity next, SteadyTime now);
  /// What another process has counted of its task, in place of `turn`.
  void set(const TaskTimes& times);
  /// The times up to `now`, what is under way included. None ever goes back. Any thread.
  TaskTimes at(SteadyTime now) const;

 private:
  static constexpr std::int64_t kNever = INT64_MIN;
  TaskTimes read(SteadyTime now) const;

  // A sequence lock (Boehm 2012): odd while it is being written. Every store of the writer behind
  // the odd number is a release, and every load of a reader before its second look an acquire.
  std::atomic<std::uint32_t> sequence_{0};
  std::atomic<TaskActivity> activity_{TaskActivity::idle};
  std::atomic<std::int64_t> since_ns_{kNever};  // of the last turn
  std::array<std::atomic<std::int64_t>, kTaskActivities> spent_ns_{};

  // A step that finds nothing to do is idle after all, and a reader may have looked meanwhile.
  mutable std::mutex shown_mutex_;
  mutable TaskTimes shown_;
};

}  // namespace weir
