// The seams through which the engine reaches time and chance. Both are passed in (see
// runtime/environment.h) so that a simulation can replace them; nothing calls the system directly.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "weir/base/time.h"

namespace weir {

/// A clock that never jumps; only differences mean anything.
using SteadyTime = std::chrono::steady_clock::time_point;

/// Reads time. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  /// For every wait, time-out and measured duration.
  virtual SteadyTime steady_now() = 0;
  /// Wall time: only data (time stamps in manifests, dead letters, processing-time timers), never a
  /// reason to wait.
  virtual EventTime wall_now() = 0;
};

/// The operating system's clocks.
std::unique_ptr<Clock> make_system_clock();

/// Time that moves only when told to. Thread-safe.
class ManualClock : public Clock {
 public:
  explicit ManualClock(EventTime start = from_millis(1'600'000'000'000));
  ~ManualClock() override;
  SteadyTime steady_now() override;
  EventTime wall_now() override;
  void advance(std::chrono::nanoseconds by);
  /// Moves wall time alone, as an administrator or NTP would.
  void step_wall(Duration by);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A seeded generator (xoshiro256**, Blackman and Vigna 2018). Not thread-safe; one per owner.
class Random {
 public:
  explicit Random(std::uint64_t seed);
  std::uint64_t next();
  /// Uniform in [0, bound); `bound` is at least 1.
  std::uint64_t below(std::uint64_t bound);
  /// True with probability `p` in [0, 1].
  bool chance(double p);

 private:
  std::uint64_t state_[4];
};

/// A seed from the operating system's entropy, for owners that are not simulated.
std::uint64_t entropy_seed();

}  // namespace weir
