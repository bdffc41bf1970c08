// In which order events arrive, against the order of their times. Most arrive within a group of 64
// that is mixed up; one of 16 wanders: it arrives up to 3.5 seconds of event time behind its turn.
//
// Both are permutations computed from the position alone, so the order has no state:
//   - within a group, a position's low bits are XORed with bits drawn from the group's number;
//   - positions that end in 11 (mod 16) hand out, in block b, the wanderers of block b - 1, mixed
//     up. The last wanderers arrive in a block behind the last event.
//
// Invariant: over all positions each event arrives once, never later than `kLongestDelay` behind an
// event that was newer. Any thread.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "weir/base/time.h"

namespace weir::bench::nexmark {

class Arrival {
 public:
  /// What `out_of_order` of the source must at least allow.
  static constexpr Duration kLongestDelay{4000};
  static constexpr std::uint64_t kNobody = UINT64_MAX;

  Arrival(std::uint64_t events, double events_per_second)
      : events_(events),
        group_(std::bit_floor(
            static_cast<std::uint64_t>(std::clamp(events_per_second * kGroupSeconds, 1.0, 64.0)))),
        // A wanderer's delay is less than two blocks.
        wanderers_(static_cast<std::uint64_t>(events_per_second * kWanderSeconds / (2 * kEvery)) /
                   4 * 4),
        block_(wanderers_ * kEvery),
        stride_(wanderers_ % kStride == 0 ? kOtherStride : kStride) {}

  /// How many positions there are; at some nobody arrives.
  std::uint64_t positions() const {
    const std::uint64_t unit = block_ == 0 ? 64 : block_;
    const std::uint64_t blocks = (events_ + unit - 1) / unit;
    return (block_ == 0 ? blocks : blocks + 1) * unit;
  }

  /// The number of the event that arrives at `position`, or kNobody.
  std::uint64_t event_at(std::uint64_t position) const {
    std::uint64_t number = position ^ (drawn(position / 64) & (group_ - 1));
    if (number % kEvery == kWanders && block_ > 0) number = wanderer(number);
    return number < events_ ? number : kNobody;
  }

 private:
  static constexpr std::uint64_t kEvery = 16, kWanders = 11;
  static constexpr double kGroupSeconds = 0.4, kWanderSeconds = 3.5;
  static constexpr std::uint64_t kStride = 7919, kOtherStride = 104'729;  // primes

  static std::uint64_t drawn(std::uint64_t group) { return group * 0x9e3779b97f4a7c15ull >> 58; }
  std::uint64_t wanderer(std::uint64_t number) const {
    const std::uint64_t block = number / block_, place = number % block_ / kEvery;
    if (block == 0) return kNobody;
    return (block - 1) * block_ + place * stride_ % wanderers_ * kEvery + kWanders;
  }

  std::uint64_t events_;
  std::uint64_t group_;      // how many positions are mixed with each other, a power of two
  std::uint64_t wanderers_;  // in a block, a multiple of 4; 0: nobody wanders
  std::uint64_t block_;
  std::uint64_t stride_;  // has no divisor in common with `wanderers_`
};

}  // namespace weir::bench::nexmark
