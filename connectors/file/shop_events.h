// Shop events for demonstrations and tests: Segment `track` calls as JSON lines, with all that real
// ones have: repeats, disorder, late and broken lines. Backs `weir generate shop-events`.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace weir::file {

struct ShopEventsOptions {
  std::uint64_t users = 1000;
  std::uint64_t events = 10'000;  ///< lines in all
  std::uint64_t seed = 1;
};

/// What was written, by kind of line.
struct ShopEventsCounts {
  std::uint64_t fresh = 0;    ///< good lines seen for the first time, late ones among them
  std::uint64_t repeats = 0;  ///< byte for byte a good line of about the last 10 s
  std::uint64_t late = 0;     ///< more than 10 s behind the newest time so far
  std::uint64_t broken = 0;   ///< not JSON, not UTF-8, a field missing or of another type
};

/// Hands every line, without its end, to `write`; false from it ends the work. The same options
/// give the same lines on every machine. Each user acts about once a minute; times
/// are up to 10 s out of order.
ShopEventsCounts generate_shop_events(const ShopEventsOptions& options,
                                      const std::function<bool(std::string_view line)>& write);

}  // namespace weir::file
