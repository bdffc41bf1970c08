// Where the hashes of a subtask have their homes among the slots of its table, and how far a sweep
// over the slots goes in a slice; see keyed_table.h.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace weir {

/// Spreads the hashes from `first` to `last`, both included, evenly over slots, keeping their
/// order.
class SlotGeometry {
 public:
  SlotGeometry(std::uint64_t first, std::uint64_t last)
      : first_hash_(first),
        shift_(last == first ? 63 : static_cast<unsigned>(__builtin_clzll(last - first))),
        last_place_((last - first) << shift_) {}

  void set_capacity(std::size_t capacity) {
    // capacity * 2^64 / (last_place_ + 1): between one and two slots' worth of the capacity
    slots_per_place_ = static_cast<std::uint64_t>(
        last_place_ == UINT64_MAX ? capacity : (Wide{capacity} << 64) / (last_place_ + 1));
  }

  std::uint64_t first_hash() const { return first_hash_; }
  std::uint64_t last_hash() const { return first_hash_ + (last_place_ >> shift_); }

  std::size_t home_of(std::uint64_t hash) const {
    const std::uint64_t place = (hash - first_hash_) << shift_;
    return static_cast<std::size_t>((Wide{place} * slots_per_place_) >> 64);
  }
  /// How many there will be in all, if `count` lie at `hash` and below and the others lie like
  /// them.
  std::size_t extrapolate(std::size_t count, std::uint64_t hash) const {
    const std::uint64_t place = (hash - first_hash_) << shift_;
    const Wide whole =
        (Wide{count} * last_place_ + last_place_) / std::max<std::uint64_t>(place, 1);
    return static_cast<std::size_t>(std::min<Wide>(whole, std::size_t{1} << 40));
  }
  /// The home of `hash`, or that of the first hash where it is below.
  std::size_t home_from(std::uint64_t hash) const { return home_of(std::max(hash, first_hash_)); }
  /// Finds the smallest hash whose home is slot `i` or a later one; false when there is none.
  bool hash_of_home(std::size_t i, std::uint64_t& hash) const {
    const Wide place = ((Wide{i} << 64) + slots_per_place_ - 1) / slots_per_place_;
    const Wide offset = (place + (Wide{1} << shift_) - 1) >> shift_;
    if (offset > last_place_ >> shift_) return false;
    hash = first_hash_ + static_cast<std::uint64_t>(offset);
    return true;
  }

 private:
  using Wide = unsigned __int128;
  std::uint64_t first_hash_;
  unsigned shift_;            // brings the subtask's span of hashes to the full 64 bits
  std::uint64_t last_place_;  // of the last hash, so shifted
  std::uint64_t slots_per_place_ = 0;
};

/// How much of its slice a sweep has left. Empty slots cost too: a table that has been emptied
/// keeps them all.
class SweepPace {
 public:
  explicit SweepPace(std::size_t budget) : entries_(budget), slots_(budget * kSlotsPerEntry) {}
  /// Takes one slot; `hash` is that of its entry, null when it is empty.
  void step(const std::uint64_t* hash) {
    if (slots_ > 0) --slots_;
    if (hash == nullptr) return;
    if (entries_ > 0) --entries_;
    last_ = *hash;
  }
  /// Takes `slots` of them with `entries`, the last of which has the hash `last`.
  void pass(std::size_t slots, std::size_t entries, std::uint64_t last) {
    slots_ -= std::min(slots_, slots);
    entries_ -= std::min(entries_, entries);
    last_ = last;
  }
  bool over() const { return entries_ == 0 || slots_ == 0; }
  /// Hash of the last entry; a sweep must not pause between entries of one hash.
  std::uint64_t last() const { return last_; }

 private:
  static constexpr std::size_t kSlotsPerEntry = 16;
  std::size_t entries_, slots_;
  std::uint64_t last_ = 0;
};

}  // namespace weir
