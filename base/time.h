// Time as the engine sees it. Event time is data; waiting is done on steady clocks only
// (base/clock.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "weir/base/result.h"

namespace weir {

using Duration = std::chrono::milliseconds;

/// A point in event time, in milliseconds of UTC since 1970.
using EventTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

/// Before everything: the watermark of a split that has not been read yet.
inline constexpr EventTime kBeginningOfTime{Duration{INT64_MIN}};
/// After everything: the watermark once a bounded input has ended; all timers are due.
inline constexpr EventTime kEndOfTime{Duration{INT64_MAX}};

inline constexpr std::int64_t to_millis(EventTime t) { return t.time_since_epoch().count(); }
inline constexpr EventTime from_millis(std::int64_t ms) { return EventTime{Duration{ms}}; }

/// `t + d` and `t - d` that stay at the beginning or end of time instead of wrapping around.
EventTime saturating_add(EventTime t, Duration d);
EventTime saturating_sub(EventTime t, Duration d);

/// Writes `t` as ISO 8601 in UTC: `2010-12-01T08:26:00Z`, with `.mmm` when the milliseconds are not
/// zero or `always_millis`. The two ends of time are `-infinity` and `+infinity`.
std::string to_iso8601(EventTime t, bool always_millis = false);

/// Reads ISO 8601: `YYYY-MM-DD`, then `T` or a space, `HH:MM[:SS[.fraction]]`, then nothing (UTC),
/// `Z`, or an offset `+HH[[:]MM]`. A far year has a sign; digits beyond milliseconds are cut.
Result<EventTime> parse_iso8601(std::string_view text);

/// Reads `500ms`, `10s`, `5min` or `5m`, `2h`, `7d`. A bare number is refused: its unit is unknown.
Result<Duration> parse_duration(std::string_view text);
/// Writes a duration in the largest of those units that keeps it whole, for example `90s`.
std::string format_duration(Duration d);

}  // namespace weir
