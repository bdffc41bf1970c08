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
#include <utility>
#include <vector>

#include "weir/base/bytes.h"
#include "weir/base/slab.h"
#include "weir/base/time.h"

namespace weir {

/// A timer as `on_timer` functions see it.
struct Timer {
  EventTime time;
  std::string name;         ///< as given to set_timer
  bool processing = false;  ///< runs on wall time
};

/// A timer as a key keeps it: 16 bytes, since most timers have no name. Owned by its TimerList.
struct KeptTimer {
  std::int64_t time_ms;
  std::uintptr_t name_and_clock;  // address of the name, or none; the lowest bit: wall time

  bool processing() const { return (name_and_clock & 1) != 0; }
  const std::string* name() const {
    return reinterpret_cast<const std::string*>(name_and_clock & ~std::uintptr_t{1});
  }
  bool is(std::int64_t time, bool wall) const { return time_ms == time && processing() == wall; }
  Timer timer() const {
    return {from_millis(time_ms), name() == nullptr ? std::string() : *name(), processing()};
  }
};

/// The timers of a key, sorted by (processing, time, name), without repeats. The first two need no
/// memory of their own.
class TimerList {
 public:
  TimerList() = default;
  TimerList(TimerList&& other) noexcept { *this = std::move(other); }
  TimerList& operator=(TimerList&& other) noexcept;
  ~TimerList() { clear(); }

  const KeptTimer* begin() const { return timers_; }
  const KeptTimer* end() const { return timers_ + size_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  void clear();
  /// False when the same one is there already.
  bool add(const Timer& timer);
  /// False when it is not there.
  bool remove(const Timer& timer);
  /// Moves those of one clock at exactly `time` into `due`, which it empties first.
  void take_due(EventTime time, bool processing, std::vector<Timer>& due);

 private:
  static constexpr std::uint32_t kInside = 2;
  KeptTimer* lower_bound(const Timer& timer) const;
  void erase(KeptTimer* first, KeptTimer* last);

  KeptTimer* timers_ = inside_;
  std::uint32_t size_ = 0, capacity_ = kInside;
  KeptTimer inside_[kInside];
};

struct alignas(16) KeyExtras {
  TimerList timers;
  std::int64_t expires_ms = INT64_MAX;
  /// For which time the queue holds the expiry of this key; not stored.
  std::int64_t expiry_queued_ms = INT64_MAX;
  /// Dead letters of this key that later records wait behind; 0: not parked.
  std::uint32_t parked = 0;

  bool has_due(EventTime time, bool processing) const {
    for (const KeptTimer& timer : timers) {
      if (timer.is(to_millis(time), processing)) return true;
    }
    return false;
  }
  bool empty() const { return timers.empty() && expires_ms == INT64_MAX && parked == 0; }

  static void* operator new(std::size_t bytes) { return allocate_block(bytes); }
  static void operator delete(void* block) noexcept { release_block(block, sizeof(KeyExtras)); }
};

/// Owns a KeyExtras or nothing, and keeps marks of the table in the pointer, so that an entry stays
/// small: four in its low bits and one in a high bit, which no address of a process uses. All zero
/// bytes are an empty one.
class ExtrasPointer {
 public:
  ExtrasPointer() = default;
  ExtrasPointer(ExtrasPointer&& other) noexcept : bits_(other.bits_) { other.bits_ = 0; }
  ExtrasPointer& operator=(ExtrasPointer&&) = delete;
  ~ExtrasPointer() { delete get(); }

  KeyExtras* get() const { return reinterpret_cast<KeyExtras*>(bits_ & ~kMarks); }
  explicit operator bool() const { return get() != nullptr; }
  KeyExtras* operator->() const { return get(); }
  KeyExtras& operator*() const { return *get(); }
  KeyExtras& make() {
    if (get() == nullptr) bits_ |= reinterpret_cast<std::uintptr_t>(new KeyExtras);
    return *get();
  }

  static constexpr std::uintptr_t kHighMark = std::uintptr_t{1} << 62;
  bool marked(std::uintptr_t marks) const { return (bits_ & marks) != 0; }
  void mark(std::uintptr_t mark) { bits_ |= mark; }
  void unmark(std::uintptr_t mark) { bits_ &= ~mark; }

 private:
  static constexpr std::uintptr_t kMarks = 15 | kHighMark;
  std::uintptr_t bits_ = 0;
};
static_assert(alignof(KeyExtras) == 16, "four marks need four free bits");

/// Writes `extras`, which may be null.
void encode_extras(ByteWriter& writer, const KeyExtras* extras);
/// Reads them; `extras` is left alone when there are none. Damage makes the reader fail.
bool decode_extras(ByteReader& reader, KeyExtras& extras);

}  // namespace weir
