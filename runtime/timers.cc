// Timers of a key and their stored form; see timers.h.
#include "weir/runtime/timers.h"

#include <algorithm>
#include <tuple>

namespace weir {
namespace {

constexpr std::uint64_t kTimers = 1, kExpires = 2, kParked = 4;

bool less(const Timer& a, const Timer& b) {
  return std::tie(a.processing, a.time, a.name) < std::tie(b.processing, b.time, b.name);
}
bool same(const Timer& a, const Timer& b) { return !less(a, b) && !less(b, a); }

}  // namespace

bool KeyExtras::add(Timer timer) {
  const auto place = std::lower_bound(timers.begin(), timers.end(), timer, less);
  if (place != timers.end() && same(*place, timer)) return false;
  timers.insert(place, std::move(timer));
  return true;
}

bool KeyExtras::remove(const Timer& timer) {
  const auto place = std::lower_bound(timers.begin(), timers.end(), timer, less);
  if (place == timers.end() || !same(*place, timer)) return false;
  timers.erase(place);
  return true;
}

bool KeyExtras::has_due(EventTime time, bool processing) const {
  return std::any_of(timers.begin(), timers.end(),
                     [&](const Timer& t) { return t.time == time && t.processing == processing; });
}

void KeyExtras::take_due(EventTime time, bool processing, std::vector<Timer>& due) {
  due.clear();
  const auto is_due = [&](const Timer& t) { return t.time == time && t.processing == processing; };
  const auto first = std::find_if(timers.begin(), timers.end(), is_due);
  const auto last = std::find_if_not(first, timers.end(), is_due);
  due.assign(std::make_move_iterator(first), std::make_move_iterator(last));
  timers.erase(first, last);
}

void encode_extras(ByteWriter& writer, const KeyExtras* extras) {
  if (extras == nullptr || extras->empty()) {
    writer.varint(0);
    return;
  }
  const bool expires = extras->expires_ms != INT64_MAX;
  writer.varint(1 + (extras->timers.empty() ? 0 : kTimers) + (expires ? kExpires : 0) +
                (extras->parked > 0 ? kParked : 0));
  if (!extras->timers.empty()) {
    writer.varint(extras->timers.size());
    for (const Timer& timer : extras->timers) {
      writer.zigzag(to_millis(timer.time));
      writer.u8(timer.processing ? 1 : 0);
      writer.string(timer.name);
    }
  }
  if (expires) writer.zigzag(extras->expires_ms);
  if (extras->parked > 0) writer.varint(extras->parked);
}

bool decode_extras(ByteReader& reader, KeyExtras& extras) {
  const std::uint64_t head = reader.varint();
  if (head == 0 || reader.failed()) return false;
  const std::uint64_t flags = head - 1;
  if (flags > (kTimers | kExpires | kParked)) {
    reader.fail();
    return false;
  }
  if (flags & kTimers) {
    const std::uint64_t count = reader.varint();
    for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
      Timer timer{from_millis(reader.zigzag()), {}, false};
      const std::uint8_t clock = reader.u8();
      if (clock > 1) reader.fail();
      timer.processing = clock == 1;
      timer.name = std::string(reader.string());
      if (!reader.failed()) extras.add(std::move(timer));
    }
  }
  if (flags & kExpires) extras.expires_ms = reader.zigzag();
  if (flags & kParked) extras.parked = static_cast<std::uint32_t>(reader.varint());
  return !reader.failed();
}

}  // namespace weir
