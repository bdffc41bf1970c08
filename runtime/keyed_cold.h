// The part of a keyed table that keeps it within a memory budget: a cache over the runs of its
// state. Included by keyed_table.h; not for others.
//
// What may leave memory is what some run holds just as it is: neither changed since the last
// barrier nor still on its way to a run. So nothing is ever written in order to leave; the
// checkpoints do the writing, and a table that is full of changes asks for one (`wants_snapshot`).
// Who leaves is decided by a hand that goes round the slots (the clock of Corbató 1968): an entry
// that was not written since the hand last passed goes. A stretch of slots is compacted in the same
// pass, so that leaving costs a few nanoseconds.
//
// A hash that is not in memory is looked for in the runs, unless it was erased so lately that its
// tombstone is in no run yet.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "weir/runtime/keyed_table.h"

namespace weir {

template <class K, class S>
void KeyedTable<K, S>::limit_memory(std::uint64_t bytes, LoadRow load_row,
                                    std::function<void(Entry&)> reloaded) {
  constexpr bool one_row = key_is_hash<K> && !Parts::has_collections();
  cold_ = std::make_unique<ColdState>(one_row);
  cold_->budget_bytes = bytes;
  allocate(std::min(kMinCapacity, most_capacity()));
  load_row_ = std::move(load_row);
  reloaded_ = std::move(reloaded);
}

template <class K, class S>
void KeyedTable<K, S>::set_runs(const std::vector<std::shared_ptr<RunLookup>>& oldest_first,
                                bool all_stored, bool storing) {
  if (cold_ == nullptr) return;
  cold_->rows.set_runs(oldest_first);
  cold_->storing = storing;
  if (!all_stored || snapshotting_) return;
  cold_->all_stored = true;
  cold_->wants_snapshot = cold_->full = false;
  cold_->erased_before.clear();
  measure_heap();
  // Entries may have become larger since they came.
  if (const std::size_t full = full_at(); size_ > full && !cold_->loading) evict(size_ - full);
}

template <class K, class S>
void KeyedTable<K, S>::begin_cold_snapshot() {
  cold_->all_stored = false;
  cold_->storing = true;
  cold_->erased_before.merge(cold_->erased);
}

// ---- coming back -----------------------------------------------------------------------------

/// Loads the entries with `hash` unless they are here.
template <class K, class S>
void KeyedTable<K, S>::load_missing(std::uint64_t hash) {
  if (!cold_->rows.may_hold(hash) || is_resident(hash) || cold_->is_erased(hash)) return;
  if (size_ >= limit_) make_room();  // now, because later the entries at hand must stay
  cold_->loading = true;
  Status status =
      cold_->rows.find(hash, [this](const StoredRow& row) { return load_row_(*this, row); });
  cold_->loading = false;
  if (!status.ok()) throw StateFailure{status.error()};
  visit_hash(hash, reloaded_);
}

template <class K, class S>
void KeyedTable<K, S>::thaw(const std::uint64_t* hashes, std::size_t count) {
  if (!is_partial()) return;
  constexpr std::size_t kAhead = 16;
  missing_.clear();
  for (std::size_t i = 0; i < std::min(count, kAhead); ++i) prefetch(hashes[i]);
  for (std::size_t i = 0; i < count; ++i) {
    if (i + kAhead < count) prefetch(hashes[i + kAhead]);
    if (is_resident(hashes[i])) continue;
    cold_->rows.prefetch(hashes[i]);
    missing_.push_back(hashes[i]);
  }
  for (const std::uint64_t hash : missing_) load_missing(hash);
}

// ---- leaving ---------------------------------------------------------------------------------

/// The number of slots that the budget has room for, with a share for what is on its way to runs.
template <class K, class S>
std::size_t KeyedTable<K, S>::most_capacity() const {
  const std::uint64_t held = cold_->rows.memory_bytes();
  const std::uint64_t budget = cold_->budget_bytes - std::min(held, cold_->budget_bytes / 2);
  const std::uint64_t slot = sizeof(Entry) + cold_->heap_per_entry * 3 / 4;
  return std::max<std::size_t>(budget / 8 * 7 / slot, kLeastCapacity);
}

/// With so many entries some must leave. Clusters kept in the order of hashes bear a fuller table
/// than others (Amble and Knuth).
template <class K, class S>
std::size_t KeyedTable<K, S>::full_at() const {
  return std::min(capacity_, most_capacity()) / 16 * 12;
}

template <class K, class S>
void KeyedTable<K, S>::make_room_within_budget() {
  if (capacity_ < most_capacity() / 16 * 15) measure_heap();
  const std::size_t most = most_capacity();
  if (capacity_ < most / 16 * 15) {
    grow(std::min(capacity_ / 2 * 3, most));
    if (size_ < limit_) return;
  }
  const std::size_t full = full_at();
  const std::size_t some = std::clamp<std::size_t>(capacity_ / 64, 1, 1024);
  if (size_ >= full && !cold_->loading) {
    if (cold_->all_stored)
      evict(std::max(some * 4, size_ - full));
    else
      cold_->wants_snapshot = !cold_->storing;
  }
  cold_->full = size_ >= capacity_ / 16 * 14;
  if (size_ >= capacity_ / 16 * 15) grow(capacity_ / 16 * 17);
  limit_ = std::max(full, size_ + some);  // above `full` while few may leave
}

/// How many bytes of rows of a snapshot are handed on at a time: few where memory is short.
template <class K, class S>
std::size_t KeyedTable<K, S>::piece_bytes() const {
  constexpr std::size_t kPiece = 64 << 20, kLeast = 1 << 20;
  if (cold_ == nullptr) return kPiece;
  return std::clamp<std::size_t>(cold_->budget_bytes / 32, kLeast, kPiece);
}

template <class K, class S>
bool KeyedTable<K, S>::may_leave(const Entry& entry) const {
  if (entry.extras.marked(changed_mark_ | frozen_mark_) || !entry.extras.marked(kStored)) {
    return false;
  }
  // Another key with this hash has been erased: a look into the runs would be refused.
  if constexpr (!key_is_hash<K>) {
    if (cold_->is_erased(entry.hash)) return false;
  }
  return true;
}

/// Whether a neighbour of the entry at `i` has its hash: the one behind it, or the one before
/// `next`, which was kept. Such keys are so rare that they simply stay.
template <class K, class S>
bool KeyedTable<K, S>::shares_hash(std::size_t i, std::size_t next) const {
  if constexpr (key_is_hash<K>) {
    return false;
  } else {
    const std::uint64_t hash = slots_[i].hash;
    return (used(i + 1) && slots_[i + 1].hash == hash) ||
           (next > 0 && used(next - 1) && slots_[next - 1].hash == hash);
  }
}

/// Lets about `wanted` entries go, from where the hand is; returns how many went.
template <class K, class S>
std::size_t KeyedTable<K, S>::evict(std::size_t wanted) {
  cold_->partial = true;
  std::size_t gone = 0, stay = 0, seen = 0;
  // Where the hand has just been slots are empty, ahead of it they are full. No more than a share
  // leaves with each round, so that the difference stays small.
  constexpr std::size_t kLeaving = 6;
  const std::size_t most = std::min(wanted * kLeaving * 3, size_ * 2);
  std::size_t i = cold_->hand < slot_count_ ? cold_->hand : 0;
  while (i > 0 && used(i - 1)) --i;  // entries of one cluster may lie before their home only
  std::size_t next = i;
  for (;; ++i) {
    if (i == slot_count_) i = next = 0;
    if (!used(i)) {
      next = i + 1;
      if (gone >= wanted || seen >= most) break;
      continue;
    }
    Entry& entry = slots_[i];
    ++seen;
    const bool may = may_leave(entry) && !shares_hash(i, next);
    if (may && entry.extras.marked(kCold) && gone <= seen / kLeaving) {
      entry.~Entry();
      std::memset(static_cast<void*>(&entry), 0, sizeof(Entry));
      --size_;
      ++gone;
      continue;
    }
    if (may) entry.extras.mark(kCold);
    stay += may ? 0 : 1;
    next = move_to_place(entry, next);
  }
  cold_->hand = i;
  if (stay > seen / 4 * 3) cold_->wants_snapshot = true;
  return gone;
}

/// Estimates from some entries what an entry has beside its slot.
template <class K, class S>
void KeyedTable<K, S>::measure_heap() {
  constexpr std::size_t kSample = 64, kAllocation = 16;
  constexpr bool flat = key_is_hash<K> && std::is_trivially_copyable_v<S>;
  std::size_t bytes = 0, seen = 0;
  std::string scratch;
  for (std::size_t i = 0; i < kSample; ++i) {
    std::size_t slot = slot_count_ / kSample * i;
    while (slot < slot_count_ && !used(slot)) ++slot;
    if (slot == slot_count_) break;
    Entry& entry = slots_[slot];
    ++seen;
    if (!StateHolder<S>::kInline) bytes += sizeof(S) + kAllocation;
    if (entry.extras) bytes += sizeof(KeyExtras) + kAllocation;
    if constexpr (!flat) {  // strings, lists and maps: about what they take as bytes, and pointers
      scratch.clear();
      ByteWriter writer(scratch);
      encode(writer, entry.key());
      encode(writer, Parts::main(entry.value()));
      bytes += scratch.size() * 2;
      Parts::for_each_collection(entry.value(), [&](const char*, auto& collection) {
        using C = std::remove_reference_t<decltype(collection)>;
        bytes += collection.size() *
                 (sizeof(typename C::RowKey) + 2 * sizeof(typename C::RowValue) + 48);
      });
    }
  }
  if (seen > 0) cold_->heap_per_entry = bytes / seen;
}

// ---- rows that stay where they are -----------------------------------------------------------

/// Reads the rows of one hash into `into` and visits what they make; another table than this is
/// then empty again.
template <class K, class S>
template <class Visit>
Status KeyedTable<K, S>::visit_group(RowCursor& rows, std::uint64_t hash, KeyedTable& into,
                                     Visit& visit) const {
  for (; rows.valid() && run_format::leading_word(rows.key()) == hash;) {
    WEIR_TRY(load_row_(into, {hash, rows.key().substr(sizeof(hash)), rows.value()}));
    WEIR_TRY(rows.next());
  }
  if (&into != this) {
    into.visit_and_forget(hash, visit);
  } else {
    into.visit_hash(hash, visit);
  }
  return {};
}

template <class K, class S>
template <class Visit>
Status KeyedTable<K, S>::visit_rows(RowCursor& rows, Visit&& visit) const {
  KeyedTable scratch(0, UINT64_MAX);
  while (rows.valid()) {
    WEIR_TRY(visit_group(rows, run_format::leading_word(rows.key()), scratch, visit));
  }
  return {};
}

template <class K, class S>
bool KeyedTable<K, S>::load_slice(std::uint64_t& cursor, std::uint64_t last, std::size_t budget) {
  auto rows = cold_->rows.rows_from(cursor);
  if (!rows.ok()) throw StateFailure{rows.error()};
  KeyedTable scratch(0, UINT64_MAX);
  const auto load = [&](RowCursor& from, std::uint64_t hash) -> Status {
    if (is_resident(hash) || cold_->is_erased(hash)) return skip(from, hash);
    cold_->loading = true;  // what comes in must not leave before all its rows have come
    const bool room = size_ < most_capacity() / 16 * 11;
    Status status = visit_group(from, hash, room ? *this : scratch, reloaded_);
    cold_->loading = false;
    return status;
  };
  for (; (*rows)->valid(); --budget) {
    const std::uint64_t hash = run_format::leading_word((*rows)->key());
    if (hash > last) return true;
    if (budget == 0) return false;
    if (++cold_->passed % 256 == 0) expect(cold_->passed, hash);
    if (Status status = load(**rows, hash); !status.ok()) throw StateFailure{status.error()};
    if (hash == UINT64_MAX) return true;
    cursor = hash + 1;
  }
  return true;
}

/// Takes turns: the entries in memory up to the next hash in the runs, then what that one has there
/// unless it is in memory too.
template <class K, class S>
template <class Test>
bool KeyedTable<K, S>::erase_cold_if(std::uint64_t& cursor, std::uint64_t last, std::size_t budget,
                                     Test& test) {
  auto rows = cold_->rows.rows_from(cursor);
  if (!rows.ok()) throw StateFailure{rows.error()};
  KeyedTable scratch(0, UINT64_MAX);
  const auto erase_cold = [&](Entry& entry) {
    if (test(entry)) write_tombstones(entry);
  };
  for (; budget > 0; --budget) {
    const bool any = (*rows)->valid();
    const std::uint64_t next = any ? run_format::leading_word((*rows)->key()) : UINT64_MAX;
    const bool beyond = !any || next > last;
    if (beyond || next > cursor) {
      if (!erase_resident_if(cursor, beyond ? last : next - 1, budget, test)) return false;
      if (beyond) return true;
      cursor = next;
    }
    const bool counts = !is_resident(next) && !cold_->is_erased(next);
    Status status = counts ? visit_group(**rows, next, scratch, erase_cold) : skip(**rows, next);
    if (!status.ok()) throw StateFailure{status.error()};
    if (counts) {
      if (next == UINT64_MAX) return true;
      cursor = next + 1;
    }
  }
  return cursor > last;
}

}  // namespace weir
