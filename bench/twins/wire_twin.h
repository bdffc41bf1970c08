// The twin of bench `wire`: a bare TCP connection between two processes. One writes the events of
// twins/cost_twin.h from a buffer of 256 KiB, the other reads them into one like it and adds up a
// field. One thread in each.
#pragma once

#include <cstdint>

namespace weir::bench {

/// Sends `events` events over `fd`; false when the connection breaks.
bool send_events(int fd, std::uint64_t events, std::uint64_t keys);
/// Receives as many, and returns the sum of their values; -1 when the connection breaks.
std::int64_t receive_events(int fd, std::uint64_t events);

/// A socket that listens on a free port of loopback, and the port; -1 when there is none.
int listen_on_loopback(std::uint16_t& port);
int connect_to_loopback(std::uint16_t port);

}  // namespace weir::bench
