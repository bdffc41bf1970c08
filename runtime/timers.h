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

struct alignas(16) KeyExtras {
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
  bool has_due(EventTime time, bool processing) const;
  /// Moves the timers of one clock that are due at exactly `time` into `due`, which it empties
  /// first.
  void take_due(EventTime time, bool processing, std::vector<Timer>& due);
  bool empty() const { return timers.empty() && expires_ms == INT64_MAX && parked == 0; }
};

/// Owns a KeyExtras or nothing, and keeps four marks of the table in the low bits of the pointer,
/// so that an entry stays small. All zero bytes are an empty one.
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

  bool marked(unsigned mark) const { return (bits_ & mark) != 0; }
  void mark(unsigned mark) { bits_ |= mark; }
  void unmark(unsigned mark) { bits_ &= ~static_cast<std::uintptr_t>(mark); }

 private:
  static constexpr std::uintptr_t kMarks = 15;
  std::uintptr_t bits_ = 0;
};
static_assert(alignof(KeyExtras) == 16, "four marks need four free bits");

/// Writes `extras`, which may be null.
void encode_extras(ByteWriter& writer, const KeyExtras* extras);
/// Reads them; `extras` is left alone when there are none. Damage makes the reader fail.
bool decode_extras(ByteReader& reader, KeyExtras& extras);

}  // namespace weir
