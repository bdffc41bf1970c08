// What hangs on a key beside its state: timers, the time at which its state expires, and whether it
// is parked behind a dead letter. Most keys have none of it. Stored in the main row of the key,
// before the state:
//
//   extras := varint 0                                   (nothing)
//           | varint 1+flags timers? expires? parked?    flags: 1 timers, 2 expires, 4 parked
//   timers := varint count, (zigzag time, byte clock, string name)*
//   expires := zigzag time
//   parked := varint number of dead letters of the key
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/bytes.h"
#include "weir/base/time.h"

namespace weir {

/// A timer as `on_timer` functions see it.
struct Timer {
  EventTime time;
  std::string name;         ///< as given to set_timer
  bool processing = false;  ///< runs on wall time
};

struct KeyExtras {
  std::vector<Timer> timers;  ///< sorted by (processing, time, name), without repeats
  std::int64_t expires_ms = INT64_MAX;
  /// For which time the queue holds the expiry of this key; not stored.
  std::int64_t expiry_queued_ms = INT64_MAX;
  /// Dead letters of this key that later records wait behind; 0: not parked.
  std::uint32_t parked = 0;

  /// Adds a timer; false when the same one is set already.
  bool add(Timer timer);
  /// Removes a timer; false when it is not set.
  bool remove(const Timer& timer);
  /// Takes the timers of one clock that are due at exactly `time`.
  std::vector<Timer> take_due(EventTime time, bool processing);
  bool empty() const { return timers.empty() && expires_ms == INT64_MAX && parked == 0; }
};

/// Writes `extras`, which may be null.
void encode_extras(ByteWriter& writer, const KeyExtras* extras);
/// Reads them; `extras` is left alone when there are none. Damage makes the reader fail.
bool decode_extras(ByteReader& reader, KeyExtras& extras);

}  // namespace weir
