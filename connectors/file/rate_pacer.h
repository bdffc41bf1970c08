// The pace of a source: how many records are due by a steady clock. Used by one thread.
#pragma once

#include <cstdint>

#include "weir/base/clock.h"

namespace weir::file::detail {

/// Says how many records are due by a steady clock. What could not be made in time is made up for,
/// but never more than 100 ms of it, so that a pause is not followed by a flood. One thread.
class RatePacer {
 public:
  /// `rate_per_second` 0 means no limit. The first record is due at once.
  RatePacer(Clock& clock, double rate_per_second) : clock_(clock), rate_(rate_per_second) {}
  /// How many records may be made now, at most `wanted`; they count as made.
  std::uint64_t take(std::uint64_t wanted);

 private:
  Clock& clock_;
  double rate_;
  bool started_ = false;
  SteadyTime start_{};
  std::uint64_t made_ = 0;  // since `start_`
};

}  // namespace weir::file::detail
