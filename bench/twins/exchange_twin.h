// The twin of bench `processes`: one of two processes that make events, keep the totals of half of
// the users each, and send the events of the others to each other over one bare TCP connection, in
// pieces of 256 KiB, 64 bytes an event. One thread in each.
#pragma once

#include <cstdint>

#include "bench/twins/cost_twin.h"

namespace weir::bench {

/// What one of the two did.
struct ExchangeHalf {
  std::int64_t began_ns = 0, ended_ns = 0;  ///< by the host's steady clock
  std::uint64_t taken = 0;                  ///< events whose users it keeps
  bool whole = false;                       ///< the connection held
};

/// Makes `events` events and takes its share of all, with the other end of `fd` doing the same as
/// the other `half`, 0 or 1.
ExchangeHalf run_exchange_half(int fd, int half, std::uint64_t events, std::uint64_t keys);

}  // namespace weir::bench
