// The twins of bench `windows`: the loops that an engineer writes by hand for windows over a stream
// whose records are out of order by less than a bound. One thread.
//
// The work: events from a xorshift64 generator; per user and window the count, the sum and the
// highest of a value. A window is said when event time, the newest time less the bound, passes its
// end; at the end of the events all that are left are said.
#pragma once

#include <cstdint>

namespace weir::bench {

/// An event as both sides see it. Times are milliseconds of event time.
struct WindowEvent {
  std::uint64_t user;
  std::int64_t ts;
  std::uint32_t val;
  std::uint32_t pad;
};

/// How fast event time goes and how far events stray from it.
inline constexpr std::uint64_t kEventsPerMs = 100;
inline constexpr std::uint64_t kDisorderMs = 1000;

/// Event number i of a stream over `keys` users. Call with i = 0, 1, 2, ...
class WindowGenerator {
 public:
  explicit WindowGenerator(std::uint64_t keys) : keys_(keys) {}

  /// Fills all fields but the padding.
  void next(std::uint64_t i, WindowEvent& event) {
    x_ ^= x_ << 13;
    x_ ^= x_ >> 7;
    x_ ^= x_ << 17;
    event.user = x_ % keys_;
    event.ts = static_cast<std::int64_t>(i / kEventsPerMs + kDisorderMs - (x_ >> 40) % kDisorderMs);
    event.val = (x_ >> 50) & 255;
  }

 private:
  std::uint64_t keys_;
  std::uint64_t x_ = 88172645463325252ull;
};

/// What is kept per user and window. The highest value cannot be taken back from a sum of panes.
struct WindowTotals {
  std::uint32_t count = 0;
  std::uint32_t highest = 0;
  std::uint64_t sum = 0;
};

/// One row of the checksum of all results: add those of all windows, in any order, with
/// wrap-around. `start`: the first millisecond of the window.
std::uint64_t window_checksum(std::uint64_t user, std::int64_t start, const WindowTotals& totals);

struct WindowsResult {
  double ns_per_event = 0;
  std::uint64_t checksum = 0;  ///< equal results have equal sums
  std::uint64_t results = 0;
};

/// Windows of `size_ms`, one after the other.
WindowsResult run_tumbling_twin(std::uint64_t events, std::uint64_t keys, std::int64_t size_ms);
/// Windows of 60 panes, one beginning with each pane of `pane_ms`.
WindowsResult run_sliding_twin(std::uint64_t events, std::uint64_t keys, std::int64_t pane_ms);
/// Sessions that end with `gap_ms`, more than kDisorderMs, without an event.
WindowsResult run_session_twin(std::uint64_t events, std::uint64_t keys, std::int64_t gap_ms);

}  // namespace weir::bench
