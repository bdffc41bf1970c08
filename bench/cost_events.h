// The events of twins/cost_twin.h as records of a job, and what is kept per user.
#pragma once

#include <array>
#include <cstdint>

#include "bench/twins/cost_twin.h"
#include "weir/weir.h"

namespace weir::bench {

struct Event {
  std::uint64_t user = 0;
  std::int64_t ts = 0;
  std::uint32_t type = 0;
  std::uint32_t val = 0;
  std::array<char, 40> pad;
};
WEIR_DESCRIBE(Event, user, ts, type, val, pad);
static_assert(sizeof(Event) == sizeof(CostEvent));

struct Totals {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  std::int64_t last = 0;
};
WEIR_DESCRIBE(Totals, count, sum, last);

/// Appends `event`; its padding stays as it is.
inline void push(Batch<Event>& batch, const CostEvent& event) {
  Event& to = batch.push_empty(event.ts);
  to.user = event.user;
  to.ts = event.ts;
  to.type = event.type;
  to.val = event.val;
}

inline void add(Totals& totals, const Event& event) {
  ++totals.count;
  totals.sum += event.val;
  totals.last = event.ts;
}

inline bool wanted(const Event& event) { return event.type != 3; }
inline Event doubled(const Event& event) {
  Event out = event;
  out.val *= 2;
  return out;
}

}  // namespace weir::bench
