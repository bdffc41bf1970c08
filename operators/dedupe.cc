// The kept times of a key; see dedupe.h.
#include "weir/operators/dedupe.h"

namespace weir {

bool SeenTimes::within(std::int64_t time_ms, std::int64_t ttl_ms) const {
  const auto near = [&](std::int64_t s) { return std::llabs(time_ms - s) < ttl_ms; };
  return (first_ms != kNone && near(first_ms)) || std::any_of(more.begin(), more.end(), near);
}

void SeenTimes::add(std::int64_t time_ms) {
  if (first_ms == kNone) {
    first_ms = time_ms;
  } else {
    more.push_back(time_ms);
  }
}

bool SeenTimes::forget(std::int64_t until_ms) {
  std::erase_if(more, [&](std::int64_t s) { return s <= until_ms; });
  if (first_ms <= until_ms) {
    first_ms = kNone;
    if (!more.empty()) {
      first_ms = more.front();
      more.erase(more.begin());
    }
  }
  return first_ms == kNone;
}

}  // namespace weir
