// Which stretches of a table's memory hold an entry with a mark, a bit for each: a sweep for few
// changed entries among very many visits these stretches alone.
//
// Invariant: the bit of an entry that has the mark is set. That of one that has lost it may be.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace weir {

/// Blocks of 256 bytes, by offset from the begin of the table. One thread.
class MarkedBlocks {
 public:
  static constexpr std::size_t kBytes = 256;
  static constexpr std::size_t kNone = SIZE_MAX;

  /// For a table of `bytes`; nothing is marked. `next` may be asked as far as the end of its last
  /// block.
  void reset(std::size_t bytes) { words_.assign(bytes / (kBytes * 64) + 2, 0); }
  void clear() { words_.assign(words_.size(), 0); }

  void mark(std::size_t offset) {
    words_[offset / (kBytes * 64)] |= std::uint64_t{1} << (offset / kBytes % 64);
  }
  /// `offset` where its block is marked, else where the next marked one begins; `kNone`: nowhere.
  std::size_t next(std::size_t offset) const {
    const std::size_t block = offset / kBytes;
    std::size_t i = block / 64;
    std::uint64_t word = words_[i] >> (block % 64);
    if ((word & 1) != 0) return offset;
    if (word != 0) return (block + static_cast<std::size_t>(std::countr_zero(word))) * kBytes;
    while (++i < words_.size()) {
      if (words_[i] == 0) continue;
      return (i * 64 + static_cast<std::size_t>(std::countr_zero(words_[i]))) * kBytes;
    }
    return kNone;
  }
  static std::size_t end_of_block(std::size_t offset) { return (offset / kBytes + 1) * kBytes; }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace weir
