// The twin of bench `cost`: the plain loop that an engineer writes first. One thread.
//
// The work ("keyed count"): events from a xorshift64 generator; leave out type 3; double the value;
// per user keep the count, the sum of the doubled values and the time of the last event.
#pragma once

#include <cstdint>

namespace weir::bench {

/// An event as both sides see it.
struct CostEvent {
  std::uint64_t user;
  std::int64_t ts;
  std::uint32_t type;
  std::uint32_t val;
  char pad[40];
};
static_assert(sizeof(CostEvent) == 64);

/// Event number i of a stream over `keys` users. Call with i = 0, 1, 2, ...
class CostGenerator {
 public:
  explicit CostGenerator(std::uint64_t keys) : keys_(keys) {}

  /// Fills all fields but the padding.
  void next(std::uint64_t i, CostEvent& event) {
    x_ ^= x_ << 13;
    x_ ^= x_ >> 7;
    x_ ^= x_ << 17;
    event.user = x_ % keys_;
    event.ts = static_cast<std::int64_t>(i / 100);
    event.type = (x_ >> 40) & 3;
    event.val = (x_ >> 50) & 255;
  }

 private:
  std::uint64_t keys_;
  std::uint64_t x_ = 88172645463325252ull;
};

/// What is kept per user.
struct CostTotals {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  std::int64_t last = 0;
};

/// One row of the checksum of a table: add those of all users, in any order, with wrap-around.
std::uint64_t cost_checksum(std::uint64_t user, const CostTotals& totals);

struct CostResult {
  double ns_per_event = 0;     ///< over all events, also those left out
  std::uint64_t checksum = 0;  ///< equal tables have equal sums
  std::uint64_t users = 0;     ///< rows of the table
};

/// Runs the loop over `events` events of `keys` users, from an empty table; `more` further steps
/// add one to the value each. Making the events is part of the time, the checksum is not.
CostResult run_cost_twin(std::uint64_t events, std::uint64_t keys, std::uint64_t more = 0);

}  // namespace weir::bench
