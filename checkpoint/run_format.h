// The bytes of a run file, and what writer and readers share. Internal to checkpoint/.
//
//   file   := block* index filter footer          (a run without rows is a file without bytes)
//   block  := row+ hash64                         XXH3-64 of the rows
//   row    := varint key bytes, varint 0 | 1 + value bytes, key, value        (0: a tombstone)
//   index  := (string first key, varint bytes of the block)*
//   filter := lines of 64 bytes                   a Bloom filter over the leading words of the keys
//   footer := 7 little-endian words: magic, rows, blocks, bytes of the index, bytes of the filter,
//             XXH3-64 of index and filter, XXH3-64 of the footer before this word
//
// The leading word of a key is its first eight bytes, big-endian, zeros behind a shorter one: the
// hash of the key in runs of keyed state. A filter line answers for all keys whose leading word
// falls to it, each by six of its bits (blocked Bloom filters: Putze, Sanders and Singler 2007).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"
#include "weir/base/storage.h"

namespace weir::run_format {

inline constexpr std::uint64_t kMagic = 0x31'6e'75'52'72'69'65'57;  // "WeirRun1"
inline constexpr std::size_t kFooterBytes = 7 * 8;
inline constexpr std::size_t kHashBytes = 8;
inline constexpr std::size_t kBlockBytes = 4096;  // of rows; a longer row has a block of its own

/// The first eight bytes of `key`, big-endian.
inline std::uint64_t leading_word(std::string_view key) {
  std::uint64_t word = 0;
  __builtin_memcpy(&word, key.data(), key.size() < 8 ? key.size() : 8);
  return __builtin_bswap64(word);
}

/// XXH3-64, as it stands in the file.
std::uint64_t hash64(std::string_view bytes);

/// A blocked Bloom filter of about ten bits a key.
class Filter {
 public:
  Filter() = default;
  /// For up to `keys` keys; none at all for 0.
  explicit Filter(std::uint64_t keys);
  /// Of the bytes that `bytes()` gave: whole lines.
  explicit Filter(std::string bytes) : bytes_(std::move(bytes)) {}

  /// Adds a key; `finish_adding` must follow the last one.
  void add(std::uint64_t word);
  void finish_adding();
  /// False: no key with this leading word was added. Without a filter always true.
  bool may_hold(std::uint64_t word) const {
    if (bytes_.empty()) return true;
    const std::uint64_t mixed = mix(word);
    const unsigned char* line = line_of(mixed);
    for (int i = 0; i < kProbes; ++i) {
      const std::uint64_t bit = mixed >> (i * 9) & 511;
      if ((line[bit >> 3] >> (bit & 7) & 1) == 0) return false;
    }
    return true;
  }
  [[gnu::always_inline]] void prefetch(std::uint64_t word) const {
    if (!bytes_.empty()) __builtin_prefetch(line_of(mix(word)));
  }
  const std::string& bytes() const { return bytes_; }
  static constexpr std::size_t kLineBytes = 64;

 private:
  static constexpr int kProbes = 6;  // of nine bits each, the low ones; the line goes by the high
  static std::uint64_t mix(std::uint64_t word) { return word * 0x9e3779b97f4a7c15ull; }
  const unsigned char* line_of(std::uint64_t mixed) const {
    const auto lines = static_cast<unsigned __int128>(bytes_.size() / kLineBytes);
    return reinterpret_cast<const unsigned char*>(bytes_.data()) +
           static_cast<std::size_t>(lines * mixed >> 64) * kLineBytes;
  }
  void set(std::uint64_t mixed);

  std::string bytes_;
  // Added, but not set yet: their lines are on the way into the cache.
  static constexpr std::size_t kAhead = 16;
  std::uint64_t ahead_[kAhead];
  std::size_t added_ = 0;
};

/// Where the blocks of a run are. Refers to itself: neither copied nor moved.
struct Index {
  Index() = default;
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  std::string bytes;                     ///< as in the file
  std::vector<std::string_view> firsts;  ///< the first key of each block, in `bytes`
  std::vector<std::uint64_t> words;      ///< their leading words
  std::vector<std::uint64_t> ends;       ///< where the next block begins
  std::uint64_t rows = 0;

  std::size_t blocks() const { return ends.size(); }
  /// Gives back the memory of the keys, for who looks by leading words alone.
  void forget_keys() {
    std::vector<std::string_view>().swap(firsts);
    std::string().swap(bytes);
  }
  std::uint64_t begin_of(std::size_t block) const { return block == 0 ? 0 : ends[block - 1]; }
};

/// Reads footer, index and filter of a run that is not empty. Without `filter` (null) that part is
/// not read, and the hash over both not checked: for a file whose whole hash has been. Error:
/// corrupt (without the file's name) or what reading gave.
Status read_index(ReadFile& file, Index& index, Filter* filter);

/// Walks the rows of one block.
class RowWalk {
 public:
  /// `block` is whole, with its hash. False: it is damaged.
  bool open(std::string_view block);
  /// Stands on the next row; false at the end, or when the block is not what a writer writes
  /// (`damaged`).
  bool next();
  bool damaged() const { return damaged_; }
  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }
  bool tombstone() const { return tombstone_; }

 private:
  std::string_view rest_, key_, value_;
  bool tombstone_ = false, damaged_ = false;
};

}  // namespace weir::run_format
