// Counters of one step in one subtask. Written by the task's thread, read by anybody.
#pragma once

#include <atomic>
#include <cstdint>

namespace weir {

/// A counter with one writer: an add is a plain load and store.
class Counter {
 public:
  void add(std::uint64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void set(std::uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct StepMetrics {
  Counter records_in, records_out, late, dead_letters, duplicates, timers_fired;
  Counter state_entries;  ///< keys with state in memory, as of the newest snapshot
  Counter state_bytes;    ///< of the files that hold the state, as of the newest snapshot written
  std::atomic<std::int64_t> watermark_ms{INT64_MIN};
  std::atomic<std::int64_t> lag{-1};  ///< records that a source has still to read; -1: not known
  std::atomic<bool> idle{false};  ///< a source that has nothing, which event time does not wait for
};

}  // namespace weir
