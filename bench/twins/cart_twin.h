// The twin of bench `json`: a program for the `cart` work alone, as an expert writes it by hand
// with simdjson. One thread.
//
// The work: parse JSON lines; drop a `messageId` seen within one hour of event time; each distinct
// `Product Added` at t of a user without an `Order Completed` of that user in (t, t + 30 min] is an
// alert; the end of the input ends time.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::bench {

/// What may be read past the end of the lines: the caller allocates that much more.
inline constexpr std::size_t kCartPadding = 64;

struct CartResult {
  double ns_per_line = 0;
  std::int64_t lines = 0;
  std::int64_t distinct_messages = 0;
  std::int64_t alerts = 0;
  std::int64_t unreadable = 0;  ///< lines without the four fields
};

/// Runs over `lines` (each ends with a newline), which lie in memory with kCartPadding readable
/// bytes after them.
CartResult run_cart_twin(std::string_view lines);

}  // namespace weir::bench
