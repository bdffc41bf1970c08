// The table that holds the keyed state of one step in one subtask: typed objects in memory, found
// by the hash of their key, written to sorted runs by what changed.
//
// Slots lie in the order of hashes (linear probing that keeps each cluster sorted, Amble and Knuth
// 1974; the home of a hash is its place in the subtask's range of hashes). So
//   - a sweep over the slots gives rows in the order of a run, without sorting;
//   - growing the table is one pass over old and new memory;
//   - the place of a snapshot's sweep is a hash, which stays true while entries move.
//
// A snapshot does not stop the task. `begin_snapshot` turns the bit of "changed" into "frozen" by
// swapping the roles of two bits; `snapshot_slice` writes frozen entries as the sweep meets them,
// and `touch`, called before every change, first writes the entry if the sweep has not reached it.
// The sweep visits only such stretches of memory as hold marked entries.
//
// With a memory budget the table becomes a cache over the runs of its state (keyed_cold.h): entries
// that runs hold as they are leave memory, and come back when their hash is asked for.
//
// Invariants: an entry is written at most once a snapshot, as it was at the barrier. Of the keys
// with one hash all are in memory, or none is.
// References to entries hold until the next `upsert`, `find`, `for_hash` or `erase`. Used by one
// task thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "weir/runtime/cold_rows.h"
#include "weir/runtime/keyed_entry.h"
#include "weir/runtime/keyed_rows.h"
#include "weir/runtime/marked_blocks.h"
#include "weir/runtime/row_buffer.h"
#include "weir/runtime/slot_geometry.h"
#include "weir/runtime/slot_memory.h"
#include "weir/runtime/state_parts.h"
#include "weir/runtime/timers.h"

namespace weir {

template <class K, class S>
class KeyedTable {
  using Parts = StateParts<S>;

 public:
  /// A key with its state; a slot of the table. `kUsed` tells it from an empty slot, which is all
  /// zero.
  class Entry {
   public:
    std::uint64_t hash;
    ExtrasPointer
        extras;  ///< timers and the like, null for most entries; and the marks of the table
    StateHolder<S> state;

    Entry(std::uint64_t h, const K& key) : hash(h), key_(key) { extras.mark(kUsed); }
    decltype(auto) key() const { return key_.get(hash); }
    S& value() { return state.get(); }
    KeyExtras& make_extras() { return extras.make(); }

   private:
    friend class KeyedTable;
    [[no_unique_address]] KeyHolder<K> key_;
  };

  /// A table for hashes from `first` to `last`, both included.
  KeyedTable(std::uint64_t first, std::uint64_t last) : geometry_(first, last) {
    allocate(kMinCapacity);
  }
  ~KeyedTable() {
    for_each_slot([](Entry& e) { e.~Entry(); });
  }
  KeyedTable(const KeyedTable&) = delete;
  KeyedTable& operator=(const KeyedTable&) = delete;

  std::size_t size() const { return size_; }

  /// Brings the slot of `hash` towards the cache. Always inline: GCC takes a function that only
  /// prefetches for one without effect and drops the call.
  [[gnu::always_inline]] void prefetch(std::uint64_t hash) const {
    const char* slot = reinterpret_cast<const char*>(slots_ + home_of(hash));
    __builtin_prefetch(slot, 1);
    // Of small entries also the next ones, which an insertion looks at.
    __builtin_prefetch(slot + std::max<std::size_t>(sizeof(Entry) - 1, 64), 1);
  }

  /// The same for a key that is most likely new: a small entry is put behind all of its cluster.
  [[gnu::always_inline]] void prefetch_new(std::uint64_t hash) const {
    prefetch(hash);
    if constexpr (sizeof(Entry) <= 48)
      __builtin_prefetch(reinterpret_cast<const char*>(slots_ + home_of(hash)) + 128, 1);
  }

  /// An entry with `hash` if one is in memory, or null: for prefetching what hangs on it.
  Entry* peek(std::uint64_t hash) {
    const std::size_t i = first_slot_of(hash);
    return used(i) && slots_[i].hash == hash ? slots_ + i : nullptr;
  }

  /// The entry of `key`, or null.
  Entry* find(std::uint64_t hash, const K& key) {
    std::size_t i = locate(hash, key);
    if (matches(i, hash, key)) return slots_ + i;
    if (!is_partial()) [[likely]]
      return nullptr;
    thaw(hash);
    i = locate(hash, key);
    return matches(i, hash, key) ? slots_ + i : nullptr;
  }

  /// The entry of `key`, made when missing (`created` says so). Call `touch` before changing it.
  Entry& upsert(std::uint64_t hash, const K& key, bool& created) {
    std::size_t i = locate(hash, key);
    created = !matches(i, hash, key);
    if (!created) [[likely]]
      return slots_[i];
    if (is_partial()) [[unlikely]] {
      thaw(hash);
      i = locate(hash, key);  // whatever it did, others may have moved
      created = !matches(i, hash, key);
      if (!created) return slots_[i];
    }
    return insert(i, hash, key);
  }
  /// The same without a look into the runs, for what comes from there.
  Entry& place(std::uint64_t hash, const K& key) {
    const std::size_t i = locate(hash, key);
    return matches(i, hash, key) ? slots_[i] : insert(i, hash, key);
  }

  /// Entries are placed in the order of hashes; `count` have come, as far as `hash`. Makes room for
  /// all that will: they would crowd at one end of a table that is too small.
  void expect(std::size_t count, std::uint64_t hash);

  /// Must be called before each change of `entry`'s state or extras.
  void touch(Entry& entry) {
    if (entry.extras.marked(frozen_mark_)) [[unlikely]]
      write_entry(entry, frozen_rows_);
    set_changed(entry);
  }

  /// Removes an entry; its stored rows get tombstones.
  void erase(Entry& entry) {
    leave(entry);
    forget(entry);
  }

  /// Calls `visit(entry)` for the entries with `hash` until it returns false. `visit` must not
  /// insert; it may erase the entry if it then returns false.
  template <class Visit>
  void for_hash(std::uint64_t hash, Visit&& visit) {
    thaw(hash);
    for (std::size_t i = first_slot_of(hash); used(i) && slots_[i].hash == hash; ++i) {
      if (!visit(slots_[i])) return;
    }
  }

  /// Calls `visit(entry)` for each entry with `hash`, and lets it go as if it had never been here.
  template <class Visit>
  void visit_and_forget(std::uint64_t hash, Visit&& visit) {
    for (std::size_t i = first_slot_of(hash); used(i) && slots_[i].hash == hash;) {
      visit(slots_[i]);
      forget(slots_[i]);  // another may take its slot
    }
  }

  /// Calls `visit(entry)` for all entries that are in memory, in the order of hashes.
  template <class Visit>
  void for_each(Visit&& visit) {
    for_each_slot(visit);
  }

  /// Calls `visit(entry)` for about `budget` entries from hash `cursor` on (0 at first); true when
  /// it came to the end, else `cursor` is where to go on. Entries may come and go between the
  /// slices: one with a hash below the cursor has had its turn, the others will have theirs.
  template <class Visit>
  bool sweep(std::uint64_t& cursor, std::size_t budget, Visit&& visit) {
    return erase_if(cursor, UINT64_MAX, budget, [&](Entry& entry) {
      visit(entry);
      return false;
    });
  }

  /// The same for the entries with hashes from `cursor` to `last`: erases those for which
  /// `test(entry)` is true.
  template <class Test>
  bool erase_if(std::uint64_t& cursor, std::uint64_t last, std::size_t budget, Test&& test) {
    // Runs of before a change of parallelism hold keys of other subtasks too.
    cursor = std::max(cursor, geometry_.first_hash());
    last = std::min(last, geometry_.last_hash());
    if (is_partial()) return erase_cold_if(cursor, last, budget, test);
    return erase_resident_if(cursor, last, budget, test);
  }

  // ---- with a memory budget, see keyed_cold.h ---------------------------------------------------
  /// Puts a stored row into its place in a table.
  using LoadRow = std::function<Status(KeyedTable&, const StoredRow&)>;
  /// From now on the table keeps to about `bytes` of memory. The runs that `set_runs` named hold
  /// all that it has had before.
  /// `reloaded` is called for each entry that comes back.
  void limit_memory(std::uint64_t bytes, LoadRow load_row, std::function<void(Entry&)> reloaded);
  /// All is in the runs, and comes into memory as it is asked for. The table is empty.
  void begin_cold() { cold_->partial = true; }
  /// Brings into memory what has a hash from `cursor` to `last`, or visits it as if it came, where
  /// memory is short: about `budget` hashes; true when it came to the end.
  bool load_slice(std::uint64_t& cursor, std::uint64_t last, std::size_t budget);
  /// All is in memory, and stays.
  void end_cold() {
    cold_.reset();
    load_row_ = nullptr;
    reloaded_ = nullptr;
  }
  /// Whether some of the state may be in the runs alone.
  bool is_partial() const { return cold_ != nullptr && cold_->partial; }
  /// The runs of the state have changed. `all_stored`: they hold every snapshot so far; `storing`:
  /// one that has begun is still on its way there.
  void set_runs(const std::vector<std::shared_ptr<RunLookup>>& oldest_first, bool all_stored,
                bool storing = false);
  /// Most of what is in memory has changed and cannot leave before the next snapshot.
  bool wants_snapshot() const { return cold_ != nullptr && cold_->wants_snapshot; }
  /// Nearly all slots are taken by what cannot leave yet.
  bool is_full() const { return cold_ != nullptr && cold_->full; }
  /// Brings what a batch will ask for into memory, look-ups overlapping each other.
  void thaw(const std::uint64_t* hashes, std::size_t count);
  /// Calls `visit(entry)` for each entry that the rows of `cursor` make, one at a time and not in
  /// this table.
  template <class Visit>
  Status visit_rows(RowCursor& rows, Visit&& visit) const;

  /// Freezes what has changed since the last snapshot. The last snapshot must have been finished.
  void begin_snapshot() {
    WEIR_CHECK(!snapshotting_, "a snapshot began before the last one was finished");
    std::swap(changed_mark_, frozen_mark_);
    std::swap(changed_blocks_, frozen_blocks_);
    changed_blocks_.clear();
    frozen_rows_ = std::move(tombstones_);
    tombstones_ = RowBuffer();
    snapshotting_ = true;
    cursor_ = 0;
    if (cold_ != nullptr) begin_cold_snapshot();
  }
  /// Writes up to about `budget` frozen entries; true when the snapshot is whole. Then, and
  /// whenever a piece of it has come together, `rows`, which is empty, gets that.
  bool snapshot_slice(RowBuffer& rows, std::size_t budget) {
    if (!snapshotting_) return true;
    SweepPace pace(budget);
    frozen_rows_.in_order(true);
    std::size_t i = first_slot_from(cursor_);
    std::size_t ahead = fetch_frozen(i * sizeof(Entry), kBlocksAhead);
    for (std::size_t begin = i * sizeof(Entry);
         (begin = frozen_blocks_.next(begin)) != MarkedBlocks::kNone;) {
      const std::size_t end = MarkedBlocks::end_of_block(begin);
      ahead = fetch_frozen(std::max(ahead, end), 1);
      // Slots lie in the block where they begin.
      i = std::max(i, (begin + sizeof(Entry) - 1) / sizeof(Entry));
      const std::size_t last = std::min(slot_count_, (end + sizeof(Entry) - 1) / sizeof(Entry));
      for (; i < last; ++i) {
        if (pause_at(i, pace, cursor_)) {
          frozen_rows_.in_order(false);
          if (frozen_rows_.size_bytes() >= piece_bytes()) rows = std::exchange(frozen_rows_, {});
          return false;
        }
        pace.step(used(i) ? &slots_[i].hash : nullptr);
        if (used(i) && slots_[i].extras.marked(frozen_mark_)) write_entry(slots_[i], frozen_rows_);
      }
      begin = end;
    }
    rows = std::exchange(frozen_rows_, {});
    snapshotting_ = false;
    return true;
  }

  /// Declares all entries changed, so that the next snapshot is complete in itself.
  void mark_all_changed() {
    for_each_slot([this](Entry& e) { mark_changed(e); });
  }
  void mark_changed(Entry& entry) {
    set_changed(entry);
    KeyedRows<S>::mark_all_dirty(entry);
  }
  /// The entry's main row is in a run already (after a restore).
  void mark_stored(Entry& entry) { entry.extras.mark(kStored); }

 private:
  static constexpr std::size_t kMinCapacity = 64, kLeastCapacity = 16;  // with a budget
  static constexpr std::size_t kMostStride = 64;  // slots between two looks at the pace
  static constexpr std::size_t kBlocksAhead = 8;  // of a sweep
  /// Slots behind the last home, for its cluster.
  static std::size_t tail_of(std::size_t capacity) {
    return std::clamp<std::size_t>(capacity / 1024, 64, 4096);
  }
  static constexpr std::uintptr_t kUsed = 1, kMarkA = 2, kMarkB = 4, kStored = 8;
  static constexpr std::uintptr_t kCold = ExtrasPointer::kHighMark;  // not written since looked at

  bool used(std::size_t i) const { return slots_[i].extras.marked(kUsed); }

  std::size_t offset_of(const Entry& entry) const {
    return static_cast<std::size_t>(reinterpret_cast<const char*>(&entry) -
                                    reinterpret_cast<const char*>(slots_));
  }
  /// Brings the next `count` stretches with frozen entries, from the one of `offset` on, towards
  /// the cache; returns where the last of them ends. Always inline, as `prefetch` is.
  [[gnu::always_inline]] std::size_t fetch_frozen(std::size_t offset, std::size_t count) const {
    for (; count > 0; --count) {
      const std::size_t block = frozen_blocks_.next(offset);
      if (block == MarkedBlocks::kNone) break;
      offset = MarkedBlocks::end_of_block(block);
      const char* line = reinterpret_cast<const char*>(slots_) + offset - MarkedBlocks::kBytes;
      for (std::size_t i = 0; i < MarkedBlocks::kBytes; i += 64) __builtin_prefetch(line + i, 1);
    }
    return offset;
  }
  void set_changed(Entry& entry) {
    entry.extras.mark(changed_mark_);
    changed_blocks_.mark(offset_of(entry));
  }
  /// An entry has come to another place.
  void note_place(const Entry& entry) {
    if (!entry.extras.marked(kMarkA | kMarkB)) return;
    if (entry.extras.marked(changed_mark_)) changed_blocks_.mark(offset_of(entry));
    if (entry.extras.marked(frozen_mark_)) frozen_blocks_.mark(offset_of(entry));
  }

  template <class Test>
  bool erase_resident_if(std::uint64_t& cursor, std::uint64_t last, std::size_t budget,
                         Test& test) {
    SweepPace pace(budget);
    const std::size_t end = last < geometry_.last_hash() ? first_slot_from(last + 1) : slot_count_;
    const std::size_t stride = std::min(budget, kMostStride);
    std::size_t i = first_slot_from(cursor);
    while (i < end) {
      if (pause_at(i, pace, cursor)) return cursor > last;
      const std::size_t stop = std::min(end, i + stride);
      i = pass_kept(i, stop, pace, test);
      if (i < stop) i = erase_in_cluster(i, end, pace, test);
    }
    return true;
  }
  /// The first slot from `i` on with an entry that `test` is true for, or `stop`.
  template <class Test>
  std::size_t pass_kept(std::size_t i, std::size_t stop, SweepPace& pace, Test& test) const {
    const std::size_t begin = i;
    std::size_t entries = 0;
    for (; i < stop; ++i) {
      const bool taken = used(i);
      // A test that may be asked about an empty slot as well, all zero, spares a branch that cannot
      // be foretold.
      if constexpr (requires { Test::kTakesEmpty; }) {
        if (taken & test(slots_[i])) break;
      } else {
        if (taken && test(slots_[i])) break;
      }
      entries += taken ? 1 : 0;
    }
    pace.pass(i - begin, entries, i > begin && used(i - 1) ? slots_[i - 1].hash : pace.last());
    return i;
  }
  /// Erases the entry of slot `i` and, as far as `end`, all behind it in its cluster that `test` is
  /// true for; what stays moves down into the gaps, as far as its home. Returns the slot behind the
  /// cluster.
  template <class Test>
  std::size_t erase_in_cluster(std::size_t i, std::size_t end, SweepPace& pace, Test& test) {
    const std::size_t first = i;
    for (std::size_t next = i; used(i); ++i) {
      pace.step(&slots_[i].hash);
      if (i == first || (i < end && test(slots_[i]))) {
        leave(slots_[i]);
        clear_slot(i);
      } else {
        next = next == i ? i + 1 : move_to_place(slots_[i], next);
      }
    }
    return i;
  }

  std::size_t home_of(std::uint64_t hash) const { return geometry_.home_of(hash); }
  /// The first slot that may have an entry with hash `cursor` or a greater one.
  std::size_t first_slot_from(std::uint64_t cursor) const {
    std::size_t i = geometry_.home_from(cursor);
    while (used(i) && slots_[i].hash < cursor) ++i;
    return i;
  }
  /// Whether a sweep whose slice is over can pause before slot `i`; if so, `cursor` becomes the
  /// hash to go on from.
  bool pause_at(std::size_t i, const SweepPace& pace, std::uint64_t& cursor) const {
    if (!pace.over()) [[likely]]
      return false;
    if (used(i)) {
      if (slots_[i].hash == pace.last()) return false;
      cursor = slots_[i].hash;
      return true;
    }
    return geometry_.hash_of_home(i, cursor);
  }
  [[gnu::always_inline]] std::size_t first_slot_of(std::uint64_t hash) const {
    std::size_t i = home_of(hash);
    while (used(i) && slots_[i].hash < hash) ++i;
    return i;
  }
  bool is_resident(std::uint64_t hash) const {
    const std::size_t i = first_slot_of(hash);
    return used(i) && slots_[i].hash == hash;
  }
  bool matches(std::size_t i, std::uint64_t hash, const K& key) const {
    return used(i) && slots_[i].hash == hash && slots_[i].key_.is(key);
  }
  /// The place of `key`, or where it would be inserted.
  std::size_t locate(std::uint64_t hash, const K& key) const {
    std::size_t i = first_slot_of(hash);
    while (used(i) && slots_[i].hash == hash && !slots_[i].key_.is(key)) ++i;
    return i;
  }
  /// Makes an entry at `i`, where `key` belongs.
  Entry& insert(std::size_t i, std::uint64_t hash, const K& key) {
    if (size_ >= limit_) [[unlikely]] {
      make_room();
      i = locate(hash, key);
    }
    while (!open_slot(i)) {
      grow(cold_ == nullptr ? capacity_ / 2 * 3 : capacity_ / 16 * 17);
      i = locate(hash, key);
    }
    ::new (static_cast<void*>(slots_ + i)) Entry(hash, key);
    ++size_;
    return slots_[i];
  }
  /// Writes what is to be written of an entry that will be removed.
  void leave(Entry& entry) {
    if (entry.extras.marked(frozen_mark_)) write_entry(entry, frozen_rows_);
    write_tombstones(entry);
  }
  /// Removes the entry of slot `i` and nothing else.
  void clear_slot(std::size_t i) {
    slots_[i].~Entry();
    --size_;
    std::memset(static_cast<void*>(slots_ + i), 0, sizeof(Entry));
  }
  /// Lets an entry go as if it had never been here.
  void forget(Entry& entry) {
    std::size_t i = static_cast<std::size_t>(&entry - slots_);
    entry.~Entry();
    --size_;
    for (;; ++i) {  // close the gap with those that lie behind their home
      const std::size_t next = i + 1;
      if (!used(next) || home_of(slots_[next].hash) > i) break;
      ::new (static_cast<void*>(slots_ + i)) Entry(std::move(slots_[next]));
      slots_[next].~Entry();
      note_place(slots_[i]);
    }
    std::memset(static_cast<void*>(slots_ + i), 0, sizeof(Entry));
  }
  /// Makes room at `i` by moving its cluster up; false when the tail is full.
  bool open_slot(std::size_t i);

  static std::size_t slot_bytes(std::size_t count) { return count * sizeof(Entry); }
  void allocate(std::size_t capacity) {
    set_capacity(capacity);
    memory_ = SlotMemory(slot_bytes(slot_count_));
    slots_ = static_cast<Entry*>(memory_.data());
    reset_blocks();
  }
  void reset_blocks() {
    changed_blocks_.reset(slot_bytes(slot_count_));
    frozen_blocks_.reset(slot_bytes(slot_count_));
  }
  void set_capacity(std::size_t capacity) {
    capacity_ = capacity;
    geometry_.set_capacity(capacity);
    slot_count_ = capacity + tail_of(capacity);
    limit_ = capacity / 16 * 11;
  }
  void make_room() {
    if (cold_ == nullptr)
      grow(capacity_ / 2 * 3);
    else
      make_room_within_budget();
  }
  /// To at least `capacity`.
  void grow(std::size_t capacity);
  /// All entries find a slot under the new capacity.
  bool tail_suffices(const Entry* from, std::size_t count) const;
  /// Moves the entry at `from` to its place, at least `next`, of which the slot is empty unless it
  /// is `from` itself; returns the slot behind it.
  std::size_t move_to_place(Entry& from, std::size_t next) {
    Entry* place = slots_ + std::max(next, home_of(from.hash));
    if (place != &from) move_entry(from, place);
    note_place(*place);
    return static_cast<std::size_t>(place - slots_) + 1;
  }
  static void move_entry(Entry& from, Entry* to) {
    ::new (static_cast<void*>(to)) Entry(std::move(from));
    from.~Entry();
    std::memset(static_cast<void*>(&from), 0, sizeof(Entry));
  }
  /// Moves all entries of the first `count` slots, in their order, to the last slots.
  void raise_all(std::size_t count);
  /// Moves them from there to their places. None lies behind where it comes from: as many slots as
  /// entries follow each of them in both.
  void place_all(Entry* from);
  template <class Visit>
  void for_each_slot(Visit&& visit) {
    for (std::size_t i = 0; i < slot_count_; ++i) {
      if (used(i)) visit(slots_[i]);
    }
  }

  // ---- defined in keyed_cold.h ------------------------------------------------------------------
  void thaw(std::uint64_t hash) {
    if (is_partial()) [[unlikely]]
      load_missing(hash);
  }
  void load_missing(std::uint64_t hash);
  void make_room_within_budget();
  std::size_t piece_bytes() const;
  std::size_t most_capacity() const;
  std::size_t full_at() const;
  std::size_t evict(std::size_t wanted);
  bool may_leave(const Entry& entry) const;
  bool shares_hash(std::size_t i, std::size_t next) const;
  void begin_cold_snapshot();
  void measure_heap();
  template <class Test>
  bool erase_cold_if(std::uint64_t& cursor, std::uint64_t last, std::size_t budget, Test& test);
  template <class Visit>
  Status visit_group(RowCursor& rows, std::uint64_t hash, KeyedTable& into, Visit& visit) const;
  template <class Visit>
  void visit_hash(std::uint64_t hash, Visit& visit) {
    for (std::size_t i = first_slot_of(hash); used(i) && slots_[i].hash == hash; ++i) {
      visit(slots_[i]);
    }
  }

  /// Appends the changed rows of `entry`, main row and collections, and clears its frozen mark.
  void write_entry(Entry& entry, RowBuffer& rows) {
    entry.extras.unmark(frozen_mark_ | kCold);
    entry.extras.mark(kStored);
    KeyedRows<S>::write(entry, rows);
  }
  void write_tombstones(Entry& entry) {
    const bool stored = entry.extras.marked(kStored);
    KeyedRows<S>::write_tombstones(entry, stored, tombstones_);
    if (cold_ != nullptr && stored) cold_->erased.insert(entry.hash);
  }

  SlotGeometry geometry_;
  SlotMemory memory_;
  Entry* slots_ = nullptr;  // in it
  std::size_t capacity_ = 0, slot_count_ = 0, limit_ = 0, size_ = 0;
  unsigned changed_mark_ = kMarkA, frozen_mark_ = kMarkB;
  MarkedBlocks changed_blocks_, frozen_blocks_;  // where entries with these marks are
  bool snapshotting_ = false;
  std::uint64_t cursor_ = 0;         // the sweep has written all frozen entries with smaller hashes
  RowBuffer frozen_rows_;            // of the snapshot under way
  RowBuffer tombstones_;             // since the last barrier
  std::unique_ptr<ColdState> cold_;  // with a memory budget only
  LoadRow load_row_;
  std::function<void(Entry&)> reloaded_;
  std::vector<std::uint64_t> missing_;  // of the batch at hand
};

}  // namespace weir

#include "weir/runtime/keyed_cold.h"
#include "weir/runtime/keyed_slots.h"
