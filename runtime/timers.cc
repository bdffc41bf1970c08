// Timers of a key and their stored form; see timers.h.
#include "weir/runtime/timers.h"

#include <algorithm>

namespace weir {
namespace {

constexpr std::uint64_t kTimers = 1, kExpires = 2, kParked = 4;

/// The name of a kept timer, empty when it has none.
std::string_view name_of(const KeptTimer& timer) {
  return timer.name() == nullptr ? std::string_view() : std::string_view(*timer.name());
}
bool less(const KeptTimer& a, const Timer& b) {
  if (a.processing() != b.processing) return b.processing;
  const std::int64_t time = to_millis(b.time);
  return a.time_ms != time ? a.time_ms < time : name_of(a) < b.name;
}
bool same(const KeptTimer& a, const Timer& b) {
  return a.is(to_millis(b.time), b.processing) && name_of(a) == b.name;
}

}  // namespace

TimerList& TimerList::operator=(TimerList&& other) noexcept {
  if (this == &other) return *this;
  clear();
  const bool inside = other.timers_ == other.inside_;
  if (inside)
    std::copy_n(other.inside_, other.size_, inside_);
  else
    timers_ = std::exchange(other.timers_, other.inside_);
  size_ = std::exchange(other.size_, 0);
  capacity_ = std::exchange(other.capacity_, kInside);
  return *this;
}

void TimerList::clear() {
  for (const KeptTimer& timer : *this) delete timer.name();
  if (timers_ != inside_) delete[] timers_;
  timers_ = inside_;
  size_ = 0;
  capacity_ = kInside;
}

KeptTimer* TimerList::lower_bound(const Timer& timer) const {
  return std::lower_bound(timers_, timers_ + size_, timer, less);
}

bool TimerList::add(const Timer& timer) {
  KeptTimer* place = lower_bound(timer);
  if (place != end() && same(*place, timer)) return false;
  const auto index = place - timers_;
  if (size_ == capacity_) {
    auto* wider = new KeptTimer[capacity_ * 2];
    std::copy_n(timers_, size_, wider);
    if (timers_ != inside_) delete[] timers_;
    timers_ = wider;
    capacity_ *= 2;
    place = timers_ + index;
  }
  std::copy_backward(place, timers_ + size_, timers_ + size_ + 1);
  const auto* name = timer.name.empty() ? nullptr : new std::string(timer.name);
  *place = {to_millis(timer.time),
            reinterpret_cast<std::uintptr_t>(name) | (timer.processing ? 1u : 0u)};
  ++size_;
  return true;
}

bool TimerList::remove(const Timer& timer) {
  KeptTimer* place = lower_bound(timer);
  if (place == end() || !same(*place, timer)) return false;
  erase(place, place + 1);
  return true;
}

void TimerList::take_due(EventTime time, bool processing, std::vector<Timer>& due) {
  due.clear();
  const auto is_due = [&](const KeptTimer& t) { return t.is(to_millis(time), processing); };
  KeptTimer* first = std::find_if(timers_, timers_ + size_, is_due);
  KeptTimer* last = std::find_if_not(first, timers_ + size_, is_due);
  for (const KeptTimer* timer = first; timer != last; ++timer) due.push_back(timer->timer());
  erase(first, last);
}

void TimerList::erase(KeptTimer* first, KeptTimer* last) {
  for (const KeptTimer* timer = first; timer != last; ++timer) delete timer->name();
  std::copy(last, timers_ + size_, first);
  size_ -= static_cast<std::uint32_t>(last - first);
  if (timers_ != inside_ && size_ < kInside) [[unlikely]] {  // nearer, and almost always enough
    std::copy_n(timers_, size_, inside_);
    delete[] timers_;
    timers_ = inside_;
    capacity_ = kInside;
  }
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
    for (const KeptTimer& timer : extras->timers) {
      writer.zigzag(timer.time_ms);
      writer.u8(timer.processing() ? 1 : 0);
      writer.string(name_of(timer));
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
      if (!reader.failed()) extras.timers.add(timer);
    }
  }
  if (flags & kExpires) extras.expires_ms = reader.zigzag();
  if (flags & kParked) extras.parked = static_cast<std::uint32_t>(reader.varint());
  return !reader.failed();
}

}  // namespace weir
