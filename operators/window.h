// Windows: aggregates over spans of event time for each key.
//
//   tumbling(1h)            every hour on the hour
//   sliding(7 days, 1 day)  spans of 7 days, one beginning each day
//   session(30min)          spans without a gap of 30 minutes; merge as records fill gaps
//
// A window fires when event time passes its end. A record that came late is judged by the watermark
// of its split when it was read, not by how far this step has got: for a window that had ended by
// then it changes a result already given, once, after that result; past the allowed lateness it
// goes to the late output (port 1), or becomes a dead letter where nobody takes that. So neither
// batching nor parallelism changes what comes out.
//
// `add(Acc&, const T&)` and `combine(Acc&, const Acc&)` as for aggregates (aggregate.h). In which
// order the records of a key are joined is not said, so they must not care. Sliding windows call
// `combine` when they fire, where no record is at hand to blame: what it throws then ends the
// attempt.
//
// This file says which windows there are; pane_window.h makes those of a fixed size,
// session_window.h the sessions.
#pragma once

#include <cstdint>

#include "weir/base/describe.h"
#include "weir/base/time.h"

namespace weir {

/// Which windows a time falls into.
struct WindowSpec {
  Duration size{0};
  Duration slide{0};   ///< 0: tumbling
  Duration gap{0};     ///< not 0: sessions
  Duration offset{0};  ///< where windows begin, from the hour zero of UTC
};
inline constexpr WindowSpec tumbling(Duration size, Duration offset = Duration(0)) {
  return {size, size, Duration(0), offset};
}
inline constexpr WindowSpec sliding(Duration size, Duration slide, Duration offset = Duration(0)) {
  return {size, slide, Duration(0), offset};
}
inline constexpr WindowSpec session(Duration gap) {
  return {Duration(0), Duration(0), gap, Duration(0)};
}

struct WindowOptions {
  Duration allowed_lateness{0};
  std::uint32_t parallelism = 0;
};

/// A window's result. `end` is the first time behind the window.
template <class K, class V>
struct Windowed {
  K key{};
  EventTime start{}, end{};
  V value{};
  BOOST_DESCRIBE_CLASS(Windowed, (), (key, start, end, value), (), ())
};

}  // namespace weir
