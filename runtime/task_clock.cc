// Keeping account of a task's time; see task_clock.h.
#include "weir/runtime/task_clock.h"

#include <algorithm>
#include <thread>

namespace weir {
namespace {

std::int64_t nanoseconds_of(SteadyTime time) {
  return std::chrono::nanoseconds(time.time_since_epoch()).count();
}

}  // namespace

void TaskClock::turn(TaskActivity next, SteadyTime now) {
  const std::int64_t now_ns = nanoseconds_of(now);
  const std::int64_t since_ns = since_ns_.load(std::memory_order_relaxed);
  const std::uint32_t sequence = sequence_.load(std::memory_order_relaxed);
  sequence_.store(sequence + 1, std::memory_order_relaxed);
  if (since_ns != kNever && now_ns > since_ns) {
    auto& spent = spent_ns_[static_cast<std::size_t>(activity_.load(std::memory_order_relaxed))];
    spent.store(spent.load(std::memory_order_relaxed) + now_ns - since_ns,
                std::memory_order_release);
  }
  since_ns_.store(std::max(now_ns, since_ns), std::memory_order_release);
  activity_.store(next, std::memory_order_release);
  sequence_.store(sequence + 2, std::memory_order_release);
}

void TaskClock::set(const TaskTimes& times) {
  const std::uint32_t sequence = sequence_.load(std::memory_order_relaxed);
  sequence_.store(sequence + 1, std::memory_order_relaxed);
  for (std::size_t i = 0; i < kTaskActivities; ++i) {
    spent_ns_[i].store(times.spent[i].count(), std::memory_order_release);
  }
  sequence_.store(sequence + 2, std::memory_order_release);
}

TaskTimes TaskClock::read(SteadyTime now) const {
  for (;; std::this_thread::yield()) {
    const std::uint32_t before = sequence_.load(std::memory_order_acquire);
    TaskTimes times;
    for (std::size_t i = 0; i < kTaskActivities; ++i) {
      times.spent[i] = std::chrono::nanoseconds(spent_ns_[i].load(std::memory_order_acquire));
    }
    const std::int64_t since_ns = since_ns_.load(std::memory_order_acquire);
    const TaskActivity activity = activity_.load(std::memory_order_acquire);
    if (before % 2 != 0 || sequence_.load(std::memory_order_relaxed) != before) continue;
    const std::int64_t more_ns = since_ns == kNever ? 0 : nanoseconds_of(now) - since_ns;
    times.spent[static_cast<std::size_t>(activity)] +=
        std::chrono::nanoseconds(std::max<std::int64_t>(0, more_ns));
    return times;
  }
}

TaskTimes TaskClock::at(SteadyTime now) const {
  const TaskTimes times = read(now);
  const std::lock_guard lock(shown_mutex_);
  for (std::size_t i = 0; i < kTaskActivities; ++i) {
    shown_.spent[i] = std::max(shown_.spent[i], times.spent[i]);
  }
  return shown_;
}

}  // namespace weir
