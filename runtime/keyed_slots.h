// How the entries of a keyed table move among its slots when one comes between others, and when the
// table grows. Included by keyed_table.h; not for others.
#pragma once

#include <algorithm>
#include <utility>

#include "weir/runtime/keyed_table.h"

namespace weir {

template <class K, class S>
bool KeyedTable<K, S>::open_slot(std::size_t i) {
  std::size_t end = i;
  while (used(end)) ++end;
  if (end + 1 >= slot_count_) return false;  // the last slot stays empty as a stop
  for (std::size_t j = end; j > i; --j) {
    ::new (static_cast<void*>(slots_ + j)) Entry(std::move(slots_[j - 1]));
    slots_[j - 1].~Entry();
    note_place(slots_[j]);
  }
  return true;
}

template <class K, class S>
void KeyedTable<K, S>::grow(std::size_t capacity) {
  Entry* const old_slots = slots_;
  const std::size_t old_count = slot_count_;
  for (;; capacity = capacity / 2 * 3) {
    set_capacity(capacity);
    if (tail_suffices(old_slots, old_count)) break;
  }
  if (memory_.extend(slot_bytes(slot_count_))) {
    raise_all(old_count);
    reset_blocks();
    place_all(slots_ + slot_count_ - size_);
    return;
  }
  const SlotMemory old = std::move(memory_);
  allocate(capacity);
  std::size_t next = 0;
  for (std::size_t i = 0; i < old_count; ++i) {
    if (old_slots[i].extras.marked(kUsed)) next = move_to_place(old_slots[i], next);
  }
}

template <class K, class S>
bool KeyedTable<K, S>::tail_suffices(const Entry* from, std::size_t count) const {
  std::size_t next = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (from[i].extras.marked(kUsed)) next = std::max(next, home_of(from[i].hash)) + 1;
  }
  return next + 1 < slot_count_;
}

template <class K, class S>
void KeyedTable<K, S>::raise_all(std::size_t count) {
  Entry* top = slots_ + slot_count_;
  for (std::size_t i = count; i-- > 0;) {
    if (used(i)) move_entry(slots_[i], --top);
  }
}

template <class K, class S>
void KeyedTable<K, S>::place_all(Entry* from) {
  std::size_t next = 0;
  for (Entry* const end = slots_ + slot_count_; from != end; ++from) {
    next = move_to_place(*from, next);
  }
}

template <class K, class S>
void KeyedTable<K, S>::expect(std::size_t count, std::uint64_t hash) {
  constexpr std::size_t kFew = 64;  // where they lie says nothing of the others
  if (count < kFew) return;
  const std::size_t in_all = geometry_.extrapolate(count, hash);
  std::size_t capacity = in_all / 10 * 16 + kMinCapacity;
  if (cold_ != nullptr) capacity = std::min(capacity, most_capacity());
  if (in_all > limit_ && capacity > capacity_) grow(capacity);
}

}  // namespace weir
