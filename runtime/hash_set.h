// A set of hashes, for those that have left a keyed table. Used by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace weir {

/// Open addressing with linear probing: 8 to 24 bytes a hash. The hashes are spread evenly already.
class HashSet {
 public:
  void insert(std::uint64_t hash) {
    if (hash == 0) {
      zero_ = true;
      return;
    }
    if (size_ * 3 >= slots_.size() * 2) grow();
    std::uint64_t& slot = slots_[place_of(hash)];
    size_ += slot == 0 ? 1 : 0;
    slot = hash;
  }
  bool contains(std::uint64_t hash) const {
    if (hash == 0) return zero_;
    return size_ > 0 && slots_[place_of(hash)] == hash;
  }
  bool empty() const { return size_ == 0 && !zero_; }
  void clear() { *this = HashSet(); }
  /// Takes all of `other`, and empties it.
  void merge(HashSet& other) {
    if (empty()) {
      std::swap(*this, other);
      return;
    }
    for (const std::uint64_t hash : other.slots_) {
      if (hash != 0) insert(hash);
    }
    zero_ = zero_ || other.zero_;
    other.clear();
  }

 private:
  /// Where `hash` is, or would be.
  std::size_t place_of(std::uint64_t hash) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = hash & mask;
    while (slots_[i] != 0 && slots_[i] != hash) i = (i + 1) & mask;
    return i;
  }
  void grow() {
    std::vector<std::uint64_t> old(slots_.empty() ? 16 : slots_.size() * 2);
    std::swap(slots_, old);
    for (const std::uint64_t hash : old) {
      if (hash != 0) slots_[place_of(hash)] = hash;
    }
  }

  std::vector<std::uint64_t> slots_;  // 0: empty; a power of two of them
  std::size_t size_ = 0;
  bool zero_ = false;
};

}  // namespace weir
